import type { Answer } from "../answer.js";
import { type PinProblemCode, type ProblemDetail, pinProblemAnswer } from "../problem.js";
import type { ForwardTarget } from "./forwarder.js";

/**
 * Why a request was not answered by the revision it was passed on to. `unsendable`: it cannot be sent as it came, and nothing of it
 * was. `unconnected`: there was no connection, so nothing has left. `unanswered`: some of it may have left, and no answer came.
 */
export type ForwardFailure = "unsendable" | "unconnected" | "unanswered";

const FAILURES: Readonly<Record<ForwardFailure, readonly [PinProblemCode, ProblemDetail]>> = {
  unsendable: [
    "forward-failed",
    { detail: "This request cannot be sent on as it came.", members: { executed: false } },
  ],
  unconnected: ["revision-unreachable", { detail: "No connection could be made.", retryAfterSeconds: 1 }],
  unanswered: ["forward-failed", { detail: "No whole head of an answer came." }],
};

/** The problem a forwarder answers, and tells the service of. `about` says more of this occurrence, and to the operator why. */
export function forwardFailure(
  target: Pick<ForwardTarget, "failed">,
  failure: ForwardFailure,
  about: { readonly detail?: string; readonly cause?: unknown } = {},
): Answer {
  const [code, usual] = FAILURES[failure];
  const answer = pinProblemAnswer(code, { ...usual, detail: about.detail ?? usual.detail ?? "" });
  return target.failed?.(answer, code, about.cause) ?? answer;
}
