import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { carryOut, EVENT_EVERY_MS, eventCount, eventText } from "./handlers.js";

/** A request listener of `node:http` and of `node:http2`. */
export type Listener = (
  incoming: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

/** Serves all routes on Node's own request and response. */
export function nodeListener(logPath: string): Listener {
  return (incoming, response) => {
    const { route, ms } = carryOut(incoming.url ?? "/", logPath);
    incoming.resume();
    if (route === "unknown") answer(response, 404, "unknown");
    else if (route === "events") stream(response, eventCount(ms));
    else if (ms === 0) answer(response, 200, "ok");
    else setTimeout(answer, ms, response, 200, "done");
  };
}

function answer(response: ServerResponse | Http2ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain");
  response.setHeader("Content-Length", String(text.length));
  // Both kinds of response have it, in types that cannot be called as one.
  (response as ServerResponse).end(text);
}

function stream(response: ServerResponse | Http2ServerResponse, count: number): void {
  const sent = response as ServerResponse;
  sent.setHeader("Content-Type", "text/event-stream");
  sent.setHeader("Cache-Control", "no-store");
  let id = 0;
  const timer = setInterval(() => {
    id += 1;
    sent.write(eventText(id));
    if (id < count) return;
    clearInterval(timer);
    sent.end();
  }, EVENT_EVERY_MS);
  sent.on("close", () => clearInterval(timer));
}
