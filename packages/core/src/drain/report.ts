/** What an instance says when it has left: one JSON object, whose schema is `@onceover/core/drain-report.schema.json`. */

import type { InterruptedRun } from "../background.js";
import type { PhaseEnd } from "./machine.js";

/** What carries a stream. */
export type StreamClass = "sse" | "ndjson" | "websocket" | "other";

/** Whether a stream comes to an end by itself. */
export type StreamKind = "finite" | "endless";

/**
 * How a stream ended. `finished`: by itself; `handed-off`: the client was told to come again, and can go on elsewhere;
 * `client-gone`: the client hung up; `cut`: its end was not reached before the deadline.
 */
export type StreamOutcome = "finished" | "handed-off" | "client-gone" | "cut";

/** One stream that was open while the instance left. */
export interface StreamReport {
  readonly class: StreamClass;
  readonly kind: StreamKind;
  /** The revision that began it, and the one that ended it. */
  readonly revision: { readonly start: string; readonly end: string };
  /** Of the body, as the handler sent it, without the farewell. */
  readonly bytes: number;
  /** Whole events or records; `null` where they cannot be told, such as in a compressed stream. */
  readonly events: number | null;
  /** The last `id:` of an event stream; `null` where it had none, or it cannot be told. */
  readonly lastId: string | null;
  readonly outcome: StreamOutcome;
  readonly durationMs: number;
}

/** How a hook ended. `late`: it was not waited for any longer. */
export interface HookReport {
  readonly hook: string;
  readonly outcome: "ok" | "failed" | "late";
}

/** How long a state lasted, and why it was left. */
export interface PhaseReport {
  readonly ms: number;
  readonly endedBy: PhaseEnd;
}

/** The report. All requests that were let in are accounted for: `atStart + served = finished + gone + cut`. */
export interface DrainReport {
  readonly format: 1;
  readonly service: string;
  readonly revision: string;
  /** A signal's name, `call` or `endpoint`. */
  readonly reason: string;
  /** When it began: RFC 3339. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly budgetMs: number;
  readonly phases: Readonly<Record<"hold" | "drain" | "farewell", PhaseReport>>;
  readonly requests: {
    /** Not answered yet when it began. */
    readonly atStart: number;
    /** Came after that and reached the application. Probes are not counted. */
    readonly served: number;
    /** Came after that and were refused, and nothing ran: 503 `draining`, or REFUSED_STREAM. */
    readonly refused: number;
    /** Came for a stream and were told to come again. */
    readonly reconnected: number;
    /** Answered whole. */
    readonly finished: number;
    /** The client hung up. */
    readonly gone: number;
    /** Cut at the deadline. */
    readonly cut: number;
  };
  readonly connections: {
    readonly atStart: number;
    /** Opened after that. */
    readonly opened: number;
    /** Closed with a request on them that had not come whole: nothing was run. */
    readonly unfinished: number;
  };
  readonly streams: readonly StreamReport[];
  readonly interrupted: readonly InterruptedRun[];
  readonly hooks: readonly HookReport[];
  readonly verdict: "clean" | "cut";
}

/** The exit code of a process that has nothing else to say: 0 unless something was cut. */
export function exitCodeOf({ verdict }: Pick<DrainReport, "verdict">): 0 | 1 {
  return verdict === "clean" ? 0 : 1;
}

/** Whether anything was cut. */
export function verdictOf({
  requests,
  streams,
  interrupted,
}: Pick<DrainReport, "requests" | "streams" | "interrupted">): DrainReport["verdict"] {
  const isCut = requests.cut + interrupted.length > 0;
  return isCut || streams.some(({ outcome }) => outcome === "cut") ? "cut" : "clean";
}
