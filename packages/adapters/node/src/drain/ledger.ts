/** What the report will say, as it adds up. */

import type { InterruptedRun } from "@onceover/core";
import {
  type DrainReport,
  type HookReport,
  type PhaseReport,
  type StreamReport,
  verdictOf,
} from "@onceover/core/drain";

/** How a request ended that had been let in. */
export type Ending = "finished" | "gone" | "cut";

/** Who leaves. */
export interface Leaver {
  readonly service: string;
  readonly revision: string;
}

const NEVER_ENTERED: PhaseReport = { ms: 0, endedBy: "cap" };

/** Counts that only grow. */
export class Ledger {
  readonly requests = { atStart: 0, served: 0, refused: 0, reconnected: 0, finished: 0, gone: 0, cut: 0 };
  readonly connections = { atStart: 0, opened: 0, unfinished: 0 };
  readonly streams: StreamReport[] = [];
  readonly hooks: HookReport[] = [];
  readonly #phases: Partial<Record<keyof DrainReport["phases"], PhaseReport>> = {};
  #interrupted: readonly InterruptedRun[] = [];

  phase(name: keyof DrainReport["phases"], report: PhaseReport): void {
    this.#phases[name] = report;
  }

  interrupted(runs: readonly InterruptedRun[]): void {
    this.#interrupted = runs;
  }

  report(
    { service, revision }: Leaver,
    about: Pick<DrainReport, "reason" | "startedAt" | "durationMs" | "budgetMs">,
  ): DrainReport {
    const { hold = NEVER_ENTERED, drain = NEVER_ENTERED, farewell = NEVER_ENTERED } = this.#phases;
    const counted = {
      requests: { ...this.requests },
      connections: { ...this.connections },
      streams: [...this.streams],
      interrupted: this.#interrupted,
      hooks: [...this.hooks],
    };
    const phases = { hold, drain, farewell };
    return { format: 1, service, revision, ...about, phases, ...counted, verdict: verdictOf(counted) };
  }
}
