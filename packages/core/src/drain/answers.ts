import type { Answer } from "../answer.js";
import { drainProblemAnswer } from "../problem.js";
import { farewellBytes } from "./event-stream.js";

/** Refuses a request because the instance is leaving: another one will have it. */
export function drainingAnswer(retryAfterSeconds = 1): Answer {
  return drainProblemAnswer("draining", { retryAfterSeconds });
}

/**
 * An empty event stream: its client comes again after `retryMs`, with the `Last-Event-ID` it has. Anything else but a network
 * error would end an `EventSource` for good.
 *
 * `lastId` is what `lastEventIdOf` reads of the request, and is said again: to the letter, the blank line makes a client forget
 * an id that this very stream never had.
 *
 * Source: HTML, "Server-sent events", "reestablish the connection" and "dispatch the event".
 * @throws {TypeError} where `retryMs` is no whole number of milliseconds.
 */
export function reconnectAnswer(retryMs: number, lastId?: string): Answer {
  const headers = [
    ["Content-Type", "text/event-stream"],
    ["Cache-Control", "no-store"],
  ] as const;
  return { status: 200, headers, chunks: [farewellBytes({ retryMs, lastId })] };
}
