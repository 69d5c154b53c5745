import type { Answer } from "./answer.js";
import type { HeaderLine } from "./facts.js";

/**
 * What is known of the handler: this request did not run it (an earlier one with its key may have), it ran under this
 * key, or a run began and it is not known here how it ended.
 */
export type Executed = false | true | "unknown";

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  readonly executed: Executed;
}

/**
 * Every refusal there is. The list is closed and no code is ever used for something else; docs/errors.md explains
 * them one by one, and a test keeps the two equal.
 */
export const PROBLEMS = {
  "key-missing": { status: 400, title: "This request needs an idempotency key.", executed: false },
  "key-invalid": { status: 400, title: "The idempotency key cannot be read.", executed: false },
  "scope-missing": { status: 403, title: "The caller this key belongs to is not known.", executed: false },
  "body-too-large": { status: 413, title: "The body is too large for an idempotent request.", executed: false },
  "body-broken": { status: 400, title: "The body did not arrive whole.", executed: false },
  "body-consumed": { status: 500, title: "The body was read before it could be compared.", executed: false },
  "key-reused": { status: 422, title: "This key was used for another request.", executed: false },
  "in-flight": { status: 409, title: "A request with this key is still running.", executed: "unknown" },
  "outcome-unknown": { status: 409, title: "It is not known whether this request took effect.", executed: "unknown" },
  "answer-not-kept": { status: 409, title: "This request was run; its answer was not kept.", executed: true },
  "handler-failed": { status: 500, title: "The request failed.", executed: "unknown" },
  "store-unavailable": { status: 503, title: "Idempotency records cannot be reached.", executed: false },
  "rolled-back": { status: 503, title: "This request was rolled back.", executed: false },
  "store-full": { status: 503, title: "There is no room for another idempotency record.", executed: false },
  "store-unfit": { status: 503, title: "The store of idempotency records does not keep its promise.", executed: false },
  "record-unreadable": { status: 503, title: "The record of this key cannot be read.", executed: false },
} as const satisfies Readonly<Record<string, ProblemKind>>;

/** The refusals of pins and revisions, for those who have them: the door `@onceover/core/revisions` gives them out. */
export const PIN_PROBLEMS = {
  "pins-invalid": { status: 400, title: "What this request was built against cannot be read.", executed: false },
  "pins-missing": { status: 428, title: "This request must say what it was built against.", executed: false },
  "backend-behind": { status: 412, title: "The backend does not have what this request asks for.", executed: false },
  "client-behind": { status: 412, title: "What the caller was built for is not served any more.", executed: false },
  "revision-gone": { status: 412, title: "The revision this request is pinned to is gone.", executed: false },
  misdirected: { status: 421, title: "Another revision has what this request asks for.", executed: false },
  "forward-failed": { status: 502, title: "The revision that was asked did not answer.", executed: "unknown" },
  "pins-unreadable": { status: 503, title: "It cannot be read what the backend has.", executed: false },
  "revision-unknown": { status: 503, title: "It is not known which revision has what this asks for.", executed: false },
  "revision-unreachable": { status: 503, title: "The matching revision cannot be reached.", executed: false },
  "forward-loop": { status: 508, title: "This request was forwarded already.", executed: false },
} as const satisfies Readonly<Record<string, ProblemKind>>;

/** The refusal of an instance that is leaving, for those who let theirs be drained: the door `@onceover/core/drain` gives it out. */
export const DRAIN_PROBLEMS = {
  draining: { status: 503, title: "This instance is leaving, and begins nothing new.", executed: false },
} as const satisfies Readonly<Record<string, ProblemKind>>;

/** The stable name of a refusal: what a client branches on. */
export type ProblemCode = keyof typeof PROBLEMS;

/** The stable name of a refusal that pins or revisions are the reason of. */
export type PinProblemCode = keyof typeof PIN_PROBLEMS;

/** The stable name of the refusal of an instance that is leaving. */
export type DrainProblemCode = keyof typeof DRAIN_PROBLEMS;

/** What one refusal adds to its kind. */
export interface ProblemDetail {
  /** One sentence about this occurrence, for the client's developer. */
  readonly detail?: string;
  /** When to try again, in whole seconds. */
  readonly retryAfterSeconds?: number;
  /** Further members of the problem object. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** The `type` of a problem: a name of its own, documented in docs/errors.md. */
export function problemType(code: ProblemCode | PinProblemCode | DrainProblemCode): string {
  return `urn:onceover:problem:${code}`;
}

/**
 * The answer that refuses a request: `application/problem+json`, never cached.
 *
 * Source: RFC 9457.
 */
export function problemAnswer(code: ProblemCode, detail?: ProblemDetail): Answer {
  return answerOf(code, PROBLEMS[code], detail);
}

/** The same of a refusal that pins or revisions are the reason of. */
export function pinProblemAnswer(code: PinProblemCode, detail?: ProblemDetail): Answer {
  return answerOf(code, PIN_PROBLEMS[code], detail);
}

/** The same of the refusal of an instance that is leaving. */
export function drainProblemAnswer(code: DrainProblemCode, detail?: ProblemDetail): Answer {
  return answerOf(code, DRAIN_PROBLEMS[code], detail);
}

function answerOf(
  code: ProblemCode | PinProblemCode | DrainProblemCode,
  { status, title, executed }: ProblemKind,
  { detail, retryAfterSeconds, members }: ProblemDetail = {},
): Answer {
  const problem = { type: problemType(code), title, status, detail, code, executed, ...members };
  const headers: HeaderLine[] = [
    ["Content-Type", "application/problem+json"],
    ["Cache-Control", "no-store"],
  ];
  if (retryAfterSeconds !== undefined) headers.push(["Retry-After", String(retryAfterSeconds)]);
  return { status, headers, chunks: [new TextEncoder().encode(JSON.stringify(problem))] };
}
