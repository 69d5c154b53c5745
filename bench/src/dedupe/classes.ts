/**
 * Which class a duplicate is of. Each is of exactly one, by what was seen and not by what was planned. Two questions
 * decide. Had a client a final answer of the key when the duplicate was first sent?
 *
 * - No. Had, by then, the process of the key's first run been killed or paused so that its outcome became unknown?
 *   *after a crash*, else *concurrent*. That it became unknown is read in the ledger: `recover` asked it about that run.
 * - Yes. Was the duplicate answered by the revision whose run took the effect, as the ledger has it?
 *   *after the answer*, else *across revisions*.
 */

import type { HistoryEffect } from "@onceover/test/history";
import { nameOf } from "@onceover/test/history-index";
import type { LedgerLine } from "../../../examples/payments-service/ledger.js";
import { byKey } from "./by-key.js";
import type { Fault, Revisions } from "./revisions.js";
import type { Sending, Traffic } from "./traffic.js";

/** The classes, in the order of the report. */
export const CLASSES = ["after the answer", "concurrent", "after a crash", "across revisions"] as const;

/** One of them. */
export type ClassName = (typeof CLASSES)[number];

/** What was seen, on either side of the service. */
export interface Seen {
  readonly traffic: Pick<Traffic, "sendings">;
  readonly ledger: readonly LedgerLine[];
  readonly revisions: Pick<Revisions, "faults" | "revisionOfProcess" | "revisionOfServer">;
}

/** A duplicate and its class. */
export interface Classified {
  readonly sending: Sending;
  readonly className: ClassName;
  /** Whether its key's outcome was unknown when it asked. */
  readonly metUnknown: boolean;
}

/** Finds the class of each duplicate. Pure; takes time linear in what was seen, times the faults. */
export function classify({ traffic, ledger, revisions }: Seen): Classified[] {
  const fates = fatesOf(ledger);
  return [...byKey(traffic.sendings)].flatMap(([name, sendings]) => {
    const fate = fates.get(name);
    const answeredMs = Math.min(...sendings.map(({ answer }) => answer?.atMs ?? Number.POSITIVE_INFINITY));
    const cutMs = fate === undefined ? undefined : cutOf(fate, sendings[0]?.sentMs ?? 0, revisions.faults);
    const ranOn = fate?.pid === undefined ? undefined : revisions.revisionOfProcess(fate.pid);
    return sendings.slice(1).map((sending): Classified => {
      const { sentMs, answer, toldUnknown } = sending;
      if (sentMs < answeredMs) {
        const className = cutMs !== undefined && cutMs <= sentMs ? "after a crash" : "concurrent";
        return { sending, className, metUnknown: toldUnknown || fate?.recovered === true };
      }
      const isSame = answer === undefined || ranOn === undefined || revisions.revisionOfServer(answer.server) === ranOn;
      return { sending, className: isSame ? "after the answer" : "across revisions", metUnknown: toldUnknown };
    });
  });
}

/** The effects of a ledger, as a history has them. */
export function effectsOf(ledger: readonly LedgerLine[]): HistoryEffect[] {
  return ledger.flatMap((line) => (line.line === "effect" ? [line.effect] : []));
}

/** What the ledger knows of a key. */
interface Fate {
  /** The process that took the effect, the first one of the key. */
  readonly pid: number | undefined;
  /** The process of the first run; absent where that never came to its effect. */
  readonly firstPid: number | undefined;
  /** Whether `recover` asked what became of a run. */
  readonly recovered: boolean;
}

/** Fates by the name of their key. Lines name the effect key; which key that is, the line of the effect says. */
function fatesOf(ledger: readonly LedgerLine[]): Map<string, Fate> {
  const pids = new Map<string, number>();
  const recovered = new Set<string>();
  for (const line of ledger) {
    if (line.line === "closed") recovered.add(line.effectKey);
    else if (line.line === "begin") pids.set(runOf(line.effectKey, line.attempt), line.pid);
  }
  const fates = new Map<string, Fate>();
  for (const line of ledger) {
    if (line.line !== "effect") continue;
    const { effectKey, attempt, effect } = line;
    const name = nameOf(effect.scope, effect.key);
    // What took effect once more is another matter.
    if (fates.has(name)) continue;
    const fate = {
      pid: pids.get(runOf(effectKey, attempt)),
      firstPid: pids.get(runOf(effectKey, 1)),
      recovered: recovered.has(effectKey),
    };
    fates.set(name, fate);
  }
  return fates;
}

function runOf(effectKey: string, attempt: number): string {
  return `${effectKey} ${attempt}`;
}

/** When the fault was that cut the first run; a run that never came to its effect left no process to blame. */
function cutOf({ firstPid, recovered }: Fate, sentMs: number, faults: readonly Fault[]): number | undefined {
  if (!recovered) return undefined;
  return faults.find(({ pid, atMs }) => atMs >= sentMs && (firstPid === undefined || pid === firstPid))?.atMs;
}
