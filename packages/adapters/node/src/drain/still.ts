/** Clients that are there and read nothing: their answers are not waited for without end. */

import { constants, type ServerHttp2Stream } from "node:http2";
import { isHttp2 } from "../node-request.js";
import { type KernelQueues, portsOf, readKernelQueues } from "./kernel-queue.js";
import { outflowOf } from "./outflow.js";
import type { Visit } from "./visit.js";

interface Seen {
  readonly mark: string;
  readonly sinceMs: number;
}

/** How often the kernel is asked at the most, in milliseconds: with thousands of connections it has much to say. */
const ASK_MS = 500;

/** A client that reads slowly opens a window of HTTP/2 in steps of half of it: those of larger ones may be too far apart. */
const WIDEST_WINDOW = 262_144;

/** Watches that something leaves of each answer that has something to send. */
export class StillWatch {
  #seen = new Map<Visit, Seen>();
  #kernel: KernelQueues | undefined;
  #askedAtMs = 0;

  /**
   * Breaks off the answers of which nothing has left for `longestMs`. One that is slow but moves goes on, and so does one whose
   * handler has nothing to send, and all of those of which it cannot be told.
   */
  look(visits: Iterable<Visit>, longestMs: number, nowMs: number): void {
    const seen = new Map<Visit, Seen>();
    for (const visit of visits) {
      const mark = markOf(visit, this.#kernel);
      if (mark === undefined) continue;
      const before = this.#seen.get(visit);
      const now = before?.mark === mark ? before : { mark, sinceMs: nowMs };
      if (this.#kernel === undefined || nowMs - now.sinceMs < longestMs) seen.set(visit, now);
      else breakOff(visit);
    }
    this.#seen = seen;
    if (seen.size > 0 && nowMs - this.#askedAtMs >= ASK_MS) this.#askKernel(nowMs);
  }

  #askKernel(nowMs: number): void {
    this.#askedAtMs = nowMs;
    // Never rejects: where nothing can be read, nothing is told.
    void readKernelQueues().then((queues) => {
      this.#kernel = queues;
    });
  }
}

/** Nothing where nothing waits to leave, or it cannot be told. What else leaves by the same connection is movement, too. */
function markOf({ request, response, line }: Visit, kernel: KernelQueues | undefined): string | undefined {
  const outflow = outflowOf(line.socket);
  if (outflow === undefined) return undefined;
  const queued = kernel?.get(portsOf(line.socket)) ?? 0;
  const mark = `${outflow.mark} ${queued}`;
  if (outflow.waiting > 0) {
    // A system that tells of an empty queue, and takes nothing more, does not tell the truth.
    const isTold = kernel === undefined || queued > 0;
    return isTold && (isHttp2(request) || response.socket !== null) ? mark : undefined;
  }
  // What flow control holds back is kept by the stream (RFC 9113, section 5.2).
  return isHttp2(request) && isHeldBack(request.stream) ? mark : undefined;
}

function isHeldBack({ writableLength, session }: ServerHttp2Stream): boolean {
  return writableLength > 0 && (session?.remoteSettings.initialWindowSize ?? 0) <= WIDEST_WINDOW;
}

function breakOff({ request, line }: Visit): void {
  if (isHttp2(request)) request.stream.close(constants.NGHTTP2_CANCEL);
  else line.socket.destroy();
}
