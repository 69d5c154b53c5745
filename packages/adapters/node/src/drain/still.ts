/** Clients that are there and read nothing: their answers are not waited for without end. */

import { constants } from "node:http2";
import { isHttp2 } from "../node-request.js";
import { outflowOf } from "./outflow.js";
import type { Visit } from "./visit.js";

interface Seen {
  readonly mark: string;
  readonly sinceMs: number;
}

/** Watches that something leaves of each answer that has something to send. */
export class StillWatch {
  #seen = new Map<Visit, Seen>();

  /**
   * Breaks off the answers of which nothing has left for `longestMs`, as far as that can be told. One that is slow but moves
   * goes on, and so does one whose handler has nothing to send.
   */
  look(visits: Iterable<Visit>, longestMs: number, nowMs: number): void {
    const seen = new Map<Visit, Seen>();
    for (const visit of visits) {
      const mark = markOf(visit);
      if (mark === undefined) continue;
      const before = this.#seen.get(visit);
      const now = before?.mark === mark ? before : { mark, sinceMs: nowMs };
      if (nowMs - now.sinceMs < longestMs) seen.set(visit, now);
      else breakOff(visit);
    }
    this.#seen = seen;
  }
}

/** Nothing where nothing waits to leave. Other answers on the session, or before it on the connection, are movement, too. */
function markOf({ request, response, line }: Visit): string | undefined {
  const outflow = outflowOf(line.socket);
  if (outflow === undefined) return undefined;
  // What flow control holds back is kept by the stream (RFC 9113, section 5.2).
  if (isHttp2(request)) return request.stream.writableLength > 0 ? outflow.mark : undefined;
  return response.socket !== null && outflow.waiting > 0 ? outflow.mark : undefined;
}

function breakOff({ request, line }: Visit): void {
  if (isHttp2(request)) request.stream.close(constants.NGHTTP2_CANCEL);
  else line.socket.destroy();
}
