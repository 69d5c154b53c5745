/**
 * A connection that speaks another protocol, whatever library speaks it. What the server sends is read along: in a WebSocket a
 * close frame can be put between two frames of its own, and all others can be ended in order.
 */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  closeFrame,
  createFrameTracker,
  type FrameTracker,
  type StreamOutcome,
  type StreamReport,
} from "@onceover/core/drain";
import { dropWrite, isChunk, optionsOf } from "../node-calls.js";
import { outflowOf } from "./outflow.js";
import { createSentHead } from "./sent-head.js";

/** Service Restart: the client is to come again (RFC 6455, section 11.7; IANA's registry of close codes). */
const SERVICE_RESTART = 1012;

/** A connection that was handed to the application. */
export interface Tunnel {
  /** Says goodbye, once, as soon as the frame that is being sent is whole. */
  leave(): void;
  /** Closes it, whatever is on it. */
  cut(): void;
  /** What became of it; nothing where the application has refused the other protocol. */
  report(revision: string): StreamReport | undefined;
}

/** Watches a connection from before the application has it. */
export function watchTunnel(request: IncomingMessage, socket: Duplex): Tunnel {
  const isWebSocket = /^websocket$/i.test(request.headers.upgrade ?? "");
  return new WatchedTunnel(socket, isWebSocket ? createFrameTracker() : undefined);
}

class WatchedTunnel implements Tunnel {
  readonly #startedAtMs = performance.now();
  readonly #socket: Duplex;
  readonly #write: Duplex["write"];
  readonly #end: Duplex["end"];
  readonly #head = createSentHead();
  /** Of a WebSocket: in another protocol nobody here knows how to say goodbye. */
  readonly #frames: FrameTracker | undefined;
  #bytes = 0;
  #isLeaving = false;
  #hasLeft = false;
  /** What had left when the goodbye had been said. */
  #markThen: string | undefined;
  #ending: "cut" | "client-gone" | undefined;

  constructor(socket: Duplex, frames: FrameTracker | undefined) {
    this.#socket = socket;
    this.#frames = frames;
    this.#write = socket.write;
    this.#end = socket.end;
    // Members of its own: libraries call them on the very socket they were given, and so does `pipe`.
    socket.write = (...given: unknown[]) => this.#wrote(given);
    socket.end = (...given: unknown[]) => this.#ended(given);
  }

  #wrote(given: readonly unknown[]): boolean {
    const [chunk, ...rest] = given;
    // After a close frame nothing may be sent (RFC 6455, section 5.5.1); the application hears of the client's own.
    if (this.#hasLeft) return dropWrite(rest);
    if (isChunk(chunk)) this.#sent(typeof chunk === "string" ? Buffer.from(chunk, optionsOf(rest).encoding) : chunk);
    const isTaken: boolean = Reflect.apply(this.#write, this.#socket, given);
    if (this.#isLeaving) this.leave();
    return isTaken;
  }

  /** Node's own would send a last piece past `write`. */
  #ended(given: readonly unknown[]): Duplex {
    if (!isChunk(given[0])) return Reflect.apply(this.#end, this.#socket, given);
    const { encoding, callback } = optionsOf(given.slice(1));
    this.#wrote([given[0], ...(encoding === undefined ? [] : [encoding])]);
    return Reflect.apply(this.#end, this.#socket, callback === undefined ? [] : [callback]);
  }

  #sent(bytes: Uint8Array): void {
    const behind = this.#head.take(bytes);
    this.#bytes += behind.length;
    this.#frames?.write(behind);
  }

  leave(): void {
    this.#isLeaving = true;
    if (this.#hasLeft || !this.#mayLeave()) return;
    this.#hasLeft = true;
    if (this.#frames === undefined) Reflect.apply(this.#end, this.#socket, []);
    else Reflect.apply(this.#write, this.#socket, [closeFrame(SERVICE_RESTART)]);
    this.#markThen = outflowOf(this.#socket)?.mark;
  }

  /** Not before it was agreed upon, not within a frame, and not where the application has said goodbye itself. */
  #mayLeave(): boolean {
    if (this.#socket.writableEnded || this.#socket.destroyed || !this.#isAgreed()) return false;
    return this.#frames === undefined || (this.#frames.isAtBoundary && !this.#frames.hasClosed);
  }

  /** 101, or any success in the case of CONNECT. */
  #isAgreed(): boolean {
    const { status = 0 } = this.#head;
    return this.#frames === undefined ? status === 101 || (status >= 200 && status < 300) : status === 101;
  }

  cut(): void {
    if (this.#socket.destroyed) return;
    this.#ending = this.#endingNow();
    this.#socket.destroy();
  }

  /** Whoever was told goodbye in a WebSocket and does not answer has lost nothing. */
  #endingNow(): "cut" | "client-gone" | undefined {
    const hasEnded = this.#frames === undefined ? this.#socket.writableEnded && !this.#hasLeft : this.#frames.hasClosed;
    if (!this.#hasLeft && !hasEnded) return "cut";
    const outflow = outflowOf(this.#socket);
    if (outflow === undefined || outflow.waiting === 0) return this.#frames === undefined ? "cut" : undefined;
    // It has not got to the client; one that has read nothing since is not there any more.
    return outflow.mark === this.#markThen ? "client-gone" : "cut";
  }

  report(revision: string): StreamReport | undefined {
    const isPending = this.#head.status === undefined && this.#ending === "cut";
    if (!this.#isAgreed() && !isPending) return undefined;
    return {
      class: this.#frames === undefined ? "other" : "websocket",
      kind: "endless",
      revision: { start: revision, end: revision },
      bytes: this.#bytes,
      events: this.#frames?.events ?? null,
      lastId: null,
      outcome: this.#outcome(),
      durationMs: Math.round(performance.now() - this.#startedAtMs),
    };
  }

  #outcome(): StreamOutcome {
    if (this.#ending !== undefined) return this.#ending;
    if (this.#hasLeft) return "handed-off";
    // Whoever closes a WebSocket in order is answered in kind.
    const isInOrder = this.#frames === undefined ? this.#socket.writableFinished : this.#frames.hasClosed;
    return isInOrder ? "finished" : "client-gone";
  }
}
