import { type Answer, markedAsReplay, replayAnswer } from "./answer.js";
import { type Decision, retryAfterSeconds } from "./decide.js";
import { keyDigest, type ReplaySource } from "./event.js";
import type { RequestFacts } from "./facts.js";
import type { Flight } from "./flight.js";
import type { Gate } from "./gate.js";
import type { LiveAnswer } from "./live.js";
import type { MountSettings } from "./options.js";
import type { PinnedExchange } from "./pinned.js";
import { type ProblemCode, type ProblemDetail, problemAnswer } from "./problem.js";
import type { RunRecord } from "./record.js";
import type { JoinFrom } from "./recorder.js";
import { afterEvent } from "./resume.js";
import type { Forwarder, ForwardTarget } from "./revisions/forwarder.js";
import type { Run } from "./run.js";
import type { Shell } from "./shell.js";
import type { Fingerprint, StoreKey } from "./store.js";

/** What the adapter does with a request. */
export type Verdict =
  /** Not ours: call the handler, and leave its answer alone. */
  | { readonly action: "pass"; readonly pinned?: PinnedExchange }
  /** Send this; the handler is not called. */
  | { readonly action: "answer"; readonly answer: Answer }
  /** Send this as it comes, and cut it off where its body errors; the handler is not called. */
  | { readonly action: "join"; readonly answer: LiveAnswer }
  /** Call the handler, and feed its answer to the run. */
  | { readonly action: "run"; readonly run: Run; readonly pinned?: PinnedExchange }
  /** Pass it on to another revision, and its answer back; the handler is not called. */
  | { readonly action: "forward"; readonly forwarder: Forwarder; readonly target: ForwardTarget };

/** What one mount's attempts share. */
export interface MountContext<Request> {
  readonly shell: Shell;
  readonly settings: MountSettings<Request>;
  readonly gate: Gate;
  /** Stands for a run: whoever is not to run is answered from what is there, or by this. */
  readonly otherwise?: Verdict | undefined;
}

/** One arrival, once it is known what it asks for. */
export interface Arrival<Request> {
  readonly facts: RequestFacts<Request>;
  /** The key as the client sent it. */
  readonly idempotencyKey: string;
  readonly key: StoreKey;
  readonly scope: readonly string[];
  readonly fingerprint: Fingerprint;
  /** Until when it waits for another run, on the monotonic clock. */
  readonly deadlineMs: number;
  /** The last event the client has seen of this answer; empty where it says none, or the mount lets nobody resume. */
  readonly lastEventId: string;
}

type AnswerVerdict = Extract<Verdict, { action: "answer" }>;

/** Refuses with a problem. `key` is given once it is known. */
export function refuse(shell: Shell, code: ProblemCode, detail: ProblemDetail = {}, key?: StoreKey): AnswerVerdict {
  shell.emit({ type: "refused", code, ...(key === undefined ? {} : { keyDigest: keyDigest(key) }) });
  return { action: "answer", answer: problemAnswer(code, detail) };
}

/** Tells a duplicate to come back when the lease may have ended. */
export function inFlight(shell: Shell, key: StoreKey, leaseLeftMs: number): AnswerVerdict {
  return refuse(shell, "in-flight", { retryAfterSeconds: retryAfterSeconds(leaseLeftMs) }, key);
}

/** Gives a recorded answer again, if it was made for the same request; `ready` saves making it anew. */
export function replay(
  shell: Shell,
  { key, fingerprint }: Pick<Arrival<never>, "key" | "fingerprint">,
  record: RunRecord,
  from: ReplaySource,
  ready?: Answer,
): AnswerVerdict {
  if (record.fingerprint !== fingerprint) return refuse(shell, "key-reused", {}, key);
  shell.emit({ type: "replayed", keyDigest: keyDigest(key), status: record.status, from });
  return { action: "answer", answer: ready ?? answerOf(record) };
}

/** Answers by what the store has of a key, where nothing is to run. */
export function answerFrom(
  shell: Shell,
  arrival: Pick<Arrival<never>, "key" | "fingerprint">,
  decision: Decision,
): AnswerVerdict {
  if (decision.action === "replay") return replay(shell, arrival, decision.record, "store");
  if (decision.action === "wait") return inFlight(shell, arrival.key, decision.leaseLeftMs);
  return refuse(shell, decision.action === "refuse" ? decision.code : "outcome-unknown", {}, arrival.key);
}

/** Sends the answer of a run in this process as it comes; `undefined` where that cannot be done any more. */
export function join(
  shell: Shell,
  { key, lastEventId }: Pick<Arrival<never>, "key" | "lastEventId">,
  flight: Flight,
  left: () => void,
): Extract<Verdict, { action: "join" }> | undefined {
  const from: JoinFrom = (headers, chunks) => (lastEventId === "" ? chunks : afterEvent(headers, chunks, lastEventId));
  const answer = flight.live?.join(shell.platform, from, { left, silenceLeftMs: () => flight.silenceLeftMs });
  if (answer === undefined) return undefined;
  shell.emit({ type: "replayed", keyDigest: keyDigest(key), status: answer.status, from: "run" });
  return { action: "join", answer: { ...answer, headers: markedAsReplay(answer.headers) } };
}

function answerOf(record: RunRecord): Answer {
  if (record.kind === "answer") return replayAnswer(record);
  const detail = TOMBSTONES[record.kind];
  return problemAnswer("answer-not-kept", {
    detail,
    members: { originalStatus: record.status, ...(record.status < 400 ? {} : { executed: "unknown" }) },
  });
}

const TOMBSTONES = {
  "too-large": "The answer was larger than this route records.",
  cut: "The answer was cut off before its end.",
  unrecordable: "The answer had a header that cannot be recorded.",
} as const satisfies Record<Exclude<RunRecord["kind"], "answer">, string>;
