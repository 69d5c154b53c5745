import type { Answer } from "../answer.js";
import type { RequestFacts } from "../facts.js";
import type { Refuse } from "../onceover.js";
import { isPreflight, requestKind } from "../pins/request-kind.js";
import type { Verdict } from "../verdict.js";
import { drainingAnswer, reconnectAnswer } from "./answers.js";
import { lastEventIdOf } from "./event-stream.js";

const PASS: Verdict = { action: "pass" };

/**
 * Makes what `Onceover.drain` is given: `refuseArrival`, but a preflight passes, because whoever is refused there never sends
 * the request, which may be one whose key has an answer.
 *
 * Source: Fetch, "CORS-preflight fetch".
 */
export function refuseArrivals(retryMs: number): Refuse {
  return (facts) => (isPreflight(facts) ? PASS : { action: "answer", answer: refuseArrival(facts, retryMs) });
}

/**
 * Answers what an instance that leaves does not begin: 503 `draining`, or, where an event stream is asked for, an empty one
 * whose client comes again after `retryMs`. Pure.
 *
 * @throws {TypeError} where `retryMs` is no whole number of milliseconds.
 */
export function refuseArrival(facts: Pick<RequestFacts, "method" | "header">, retryMs: number): Answer {
  // Only GET is asked for by an `EventSource`, and an upgrade by none.
  const isEventSource =
    facts.method === "GET" && facts.header("upgrade").length === 0 && requestKind(facts) === "stream";
  return isEventSource ? reconnectAnswer(retryMs, lastEventIdOf(facts)) : drainingAnswer(Math.ceil(retryMs / 1000));
}
