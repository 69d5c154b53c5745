/**
 * A connection that speaks WebSocket, whatever library speaks it: what the server sends is read along, so that a close frame can
 * be put between two frames of its own.
 */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { closeFrame, createSentFrameTracker, type StreamOutcome, type StreamReport } from "@onceover/core/drain";
import { isChunk, optionsOf } from "../node-calls.js";

/** Service Restart: the client is to come again (RFC 6455, section 11.7; IANA's registry of close codes). */
const SERVICE_RESTART = 1012;

/** A connection that was handed to the application. */
export interface Tunnel {
  /** Says goodbye, once, as soon as the frame that is being sent is whole. */
  leave(): void;
  /** Closes it, whatever is on it. */
  cut(): void;
  report(revision: string): StreamReport;
}

/** Watches a connection from before the application has it. */
export function watchTunnel(request: IncomingMessage, socket: Duplex): Tunnel {
  return /^websocket$/i.test(request.headers.upgrade ?? "") ? new WebSocketTunnel(socket) : new PlainTunnel(socket);
}

/** Another protocol: nobody here knows how to say goodbye in it. */
class PlainTunnel implements Tunnel {
  readonly #startedAtMs = performance.now();
  readonly #socket: Duplex;
  #isCut = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  leave(): void {
    this.#isCut ||= !this.#socket.writableEnded;
    this.#socket.end();
  }

  cut(): void {
    this.#isCut = true;
    this.#socket.destroy();
  }

  report(revision: string): StreamReport {
    const outcome = this.#isCut ? "cut" : "finished";
    const durationMs = Math.round(performance.now() - this.#startedAtMs);
    return { ...UNTOLD, class: "other", revision: { start: revision, end: revision }, bytes: 0, outcome, durationMs };
  }
}

const UNTOLD = { kind: "endless", events: null, lastId: null } as const;

class WebSocketTunnel implements Tunnel {
  readonly #startedAtMs = performance.now();
  readonly #socket: Duplex;
  readonly #write: Duplex["write"];
  readonly #sent = createSentFrameTracker();
  #bytes = 0;
  #isLeaving = false;
  #hasLeft = false;
  #isCut = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#write = socket.write;
    // A member of its own: libraries call it on the very socket they were given.
    socket.write = (...given: unknown[]) => this.#wrote(given);
  }

  #wrote(given: unknown[]): boolean {
    const [chunk, ...rest] = given;
    if (this.#hasLeft) return dropWrite(rest);
    if (isChunk(chunk)) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk, optionsOf(rest).encoding) : chunk;
      this.#bytes += bytes.length;
      this.#sent.write(bytes);
    }
    const isTaken: boolean = Reflect.apply(this.#write, this.#socket, given);
    if (this.#isLeaving) this.leave();
    return isTaken;
  }

  leave(): void {
    this.#isLeaving = true;
    if (this.#hasLeft || this.#sent.hasClosed || !this.#sent.isAtBoundary) return;
    this.#hasLeft = true;
    Reflect.apply(this.#write, this.#socket, [closeFrame(SERVICE_RESTART)]);
  }

  cut(): void {
    // Whoever was told goodbye and does not answer has lost nothing.
    this.#isCut = !this.#hasLeft && !this.#sent.hasClosed;
    this.#socket.destroy();
  }

  report(revision: string): StreamReport {
    return {
      class: "websocket",
      kind: "endless",
      revision: { start: revision, end: revision },
      bytes: this.#bytes,
      events: this.#sent.events,
      lastId: null,
      outcome: this.#outcome(),
      durationMs: Math.round(performance.now() - this.#startedAtMs),
    };
  }

  #outcome(): StreamOutcome {
    if (this.#isCut) return "cut";
    if (this.#hasLeft) return "handed-off";
    // Whoever closes a WebSocket in order is answered in kind.
    return this.#sent.hasClosed ? "finished" : "client-gone";
  }
}

/** After a close frame nothing may be sent (RFC 6455, section 5.5.1); the application hears of the client's own. */
function dropWrite(rest: readonly unknown[]): boolean {
  const { callback } = optionsOf(rest);
  if (callback !== undefined) process.nextTick(callback);
  return true;
}
