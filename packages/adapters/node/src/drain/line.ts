/** The connections of a server: what is on each, and when there is nothing on it any more. */

import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { endGently, sayGoaway } from "./sessions.js";
import type { Tunnel } from "./tunnel-watch.js";
import type { Visit } from "./visit.js";

const LINE: unique symbol = Symbol("onceover.line");

/** One connection. */
export class Line {
  readonly socket: Socket;
  readonly openedAtMs = performance.now();
  /** Whether a request has come on it. */
  isHeard = false;
  /** How many requests on it have answers that are not over. */
  open = 0;
  /** The request that came last: only its answer may say that the connection closes. */
  last: Visit | undefined;
  /** Whether an answer has said so: what comes after it must not be processed (RFC 9112, section 9.6). */
  isClosing = false;
  /** Since when nothing is on it, on the monotonic clock; only kept while the instance leaves. */
  idleSinceMs = 0;
  /** Set where it speaks HTTP/2. */
  session: ServerHttp2Session | undefined;
  /** Whether its session was opened while the instance leaves, and nothing has come on it yet. */
  isFresh = false;
  /** Whether its session was asked to begin no more. */
  isTold = false;
  /** Since when requests come on it that are too late. */
  pressedSinceMs: number | undefined;
  /** Set once it speaks another protocol. */
  tunnel: Tunnel | undefined;
  #isEnded = false;
  /** What had been read of it when it became idle: more than that is the beginning of a request. */
  #readBytes: number;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#readBytes = socket.bytesRead;
    Object.assign(socket, { [LINE]: this });
  }

  /** A request has come on it. */
  enter(visit: Visit): void {
    this.open += 1;
    this.isHeard = true;
    this.last = visit;
    this.isFresh = false;
  }

  /** A request on it is over. */
  leave(visit: Visit): void {
    this.open -= 1;
    if (this.last === visit) this.last = undefined;
    this.#readBytes = this.socket.bytesRead;
  }

  /** Whether a request is being read whose head has not come whole. What HTTP/2 reads of a request is its session's affair. */
  get isReading(): boolean {
    if (this.session !== undefined || this.tunnel !== undefined || this.open > 0) return false;
    return this.socket.bytesRead > this.#readBytes;
  }

  /** Whether nothing is on it, and it was not ended either. */
  get isIdle(): boolean {
    return !this.#isEnded && this.open === 0 && this.tunnel === undefined && !this.isReading;
  }

  /** Closes it once what was sent has left; a session of HTTP/2 is told first, and ended the next time where it does not answer. */
  end(): void {
    if (this.session !== undefined && !this.isTold) return this.tell();
    this.#isEnded = true;
    if (this.session === undefined) this.socket.destroySoon();
    else endGently(this.session);
  }

  /** Asks for no more on its session, once. */
  tell(): void {
    if (this.session === undefined || this.isTold) return;
    this.isTold = true;
    this.idleSinceMs = performance.now();
    sayGoaway(this.session);
  }
}

/** The line that a socket is, or the one below a session of HTTP/2. */
export function lineOn(socket: object | undefined): Line | undefined {
  const line: unknown = socket === undefined ? undefined : Reflect.get(socket, LINE);
  return line instanceof Line ? line : undefined;
}
