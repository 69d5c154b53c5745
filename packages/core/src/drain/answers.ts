import type { Answer } from "../answer.js";
import { drainProblemAnswer } from "../problem.js";

/** Refuses a request because the instance is leaving: another one will have it. */
export function drainingAnswer(retryAfterSeconds = 1): Answer {
  return drainProblemAnswer("draining", { retryAfterSeconds });
}

/**
 * An empty event stream: its client comes again after `retryMs`, with the `Last-Event-ID` it has. Anything else but a network
 * error would end an `EventSource` for good.
 *
 * Source: HTML, "Server-sent events", "reestablish the connection".
 */
export function reconnectAnswer(retryMs: number): Answer {
  const headers = [
    ["Content-Type", "text/event-stream"],
    ["Cache-Control", "no-store"],
  ] as const;
  return { status: 200, headers, chunks: [new TextEncoder().encode(`retry: ${retryMs}\n\n`)] };
}
