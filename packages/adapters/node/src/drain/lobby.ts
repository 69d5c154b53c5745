/** Who is there: the connections of a server, and the requests on them. */

import type { ServerResponse } from "node:http";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { DrainLoad, DrainState, StreamReport } from "@onceover/core/drain";
import { isHttp2, type NodeRequest } from "../node-request.js";
import type { DrainSettings } from "./drain-settings.js";
import { isProbe } from "./endpoints.js";
import { type Ending, Ledger } from "./ledger.js";
import { Line, lineOn } from "./line.js";
import { revisionOf } from "./stream-watch.js";
import type { Tunnel } from "./tunnel-watch.js";
import { Visit, type VisitHost } from "./visit.js";
import { Visits } from "./visits.js";

/** How long what comes on a session is refused one by one, while answers are on their way on it. In milliseconds. */
const PRESSED_MS = 1000;

/** What a lobby tells. */
export interface LobbyEvents {
  /** Somebody has left; only told while the instance leaves. */
  changed(): void;
  streamEnded(stream: StreamReport): void;
  isRefusal(chunk: unknown): boolean;
}

/** One server's visitors. */
export class Lobby implements VisitHost {
  readonly lines = new Set<Line>();
  readonly visits = new Visits();
  readonly ledger = new Ledger();
  readonly #knocking = new Map<string, Line>();
  readonly revision: string;
  readonly isEndless: (request: NodeRequest) => boolean;
  readonly #events: LobbyEvents;
  readonly #longestRetryMs: number;
  readonly #booked = new WeakSet<Tunnel>();
  state: DrainState = "serving";
  /** When the last request came while the instance leaves, on the monotonic clock. */
  lastArrivalMs = 0;
  /** Until when whoever was told to come again may come here once more, by a balancer that is late. */
  backByMs = 0;

  constructor(revision: string, settings: DrainSettings, events: LobbyEvents) {
    this.revision = revision;
    this.isEndless = (request) => isEndlessBy(settings, request);
    this.#events = events;
    this.#longestRetryMs = 2 * settings.retryMs;
  }

  /** Somebody was told to come again. */
  sentAway(): void {
    this.backByMs = performance.now() + this.#longestRetryMs;
  }

  get isLeaving(): boolean {
    return this.state !== "serving";
  }

  isRefusal(chunk: unknown): boolean {
    return this.#events.isRefusal(chunk);
  }

  /** A connection was opened. */
  opened(socket: Socket): Line {
    return lineOn(socket) ?? this.#newLine(socket);
  }

  /** A connection was opened that has yet to agree upon TLS; then another object stands for it. */
  knocked(socket: Socket): void {
    const name = nameOf(socket);
    this.#knocking.set(name, this.#newLine(socket));
    socket.once("close", () => this.#knocking.delete(name));
  }

  /** A connection has agreed upon TLS. */
  secured(socket: Socket): void {
    const name = nameOf(socket);
    const knocking = this.#knocking.get(name);
    if (knocking !== undefined) this.lines.delete(knocking);
    this.#knocking.delete(name);
    this.#newLine(socket, knocking);
  }

  /** A connection speaks HTTP/2. */
  speaksHttp2(line: Line, session: ServerHttp2Session): void {
    line.session = session;
    line.isFresh = this.isLeaving;
  }

  /**
   * Asks for no more on the sessions of HTTP/2 that nothing is on, and on those that requests come on all the same. On the others
   * what comes is refused one by one for a while: there are clients that let go of every answer at a GOAWAY.
   */
  tellSessions(nowMs: number): void {
    for (const line of this.lines) {
      const { session, isFresh, open, pressedSinceMs = nowMs } = line;
      if (session !== undefined && !isFresh && (open === 0 || nowMs - pressedSinceMs >= PRESSED_MS)) line.tell();
    }
  }

  #newLine(socket: Socket, before?: Line): Line {
    const line = new Line(socket);
    this.lines.add(line);
    socket.once("close", () => this.#closed(line));
    if (this.isLeaving && before === undefined) this.ledger.connections.opened += 1;
    return line;
  }

  #closed(line: Line): void {
    this.lines.delete(line);
    // The answers that were waiting for their turn are never told that there will be none.
    if (line.open > 0) for (const visit of this.visits) if (visit.line === line && isQueued(visit)) visit.over();
    if (this.isLeaving) this.#events.changed();
  }

  /** Everybody who is there now is let finish. */
  beginToLeave(settings: DrainSettings): void {
    const { requests, connections } = this.ledger;
    for (const visit of this.visits) {
      if (isProbe(settings, visit.request)) visit.count = "apart";
      else requests.atStart += 1;
      // What goes on is told apart from what is over at once.
      visit.streaming();
    }
    connections.atStart = this.lines.size;
  }

  /** A request has come. */
  enter(request: NodeRequest, response: ServerResponse): Visit {
    const visit = new Visit(this, lineOf(this, request), request, response);
    if (this.state === "drain") visit.line.pressedSinceMs ??= performance.now();
    this.visits.add(visit);
    return visit;
  }

  ended(visit: Visit): void {
    this.visits.delete(visit);
    if (!this.isLeaving) return;
    visit.line.idleSinceMs = performance.now();
    this.settle(visit, visit.isWhole ? "finished" : "gone");
    if (visit.stream?.outcome === "handed-off") this.#handedOff(visit);
    this.#events.changed();
  }

  /** Whoever was told to come again comes by another connection: this one leads here. */
  #handedOff({ request, line }: Visit): void {
    this.sentAway();
    if (!isHttp2(request) && line.open === 0) line.end();
  }

  /** A connection speaks another protocol from now on. */
  upgraded(line: Line, tunnel: Tunnel): void {
    line.tunnel = tunnel;
    line.socket.once("close", () => {
      if (this.isLeaving) this.#bookTunnel(tunnel);
    });
  }

  /** Ends a connection at the deadline, and books what was on it: it is told of as closed when the report has been made. */
  cut(line: Line): void {
    if (line.isReading) this.ledger.connections.unfinished += 1;
    line.tunnel?.cut();
    if (line.tunnel !== undefined) this.#bookTunnel(line.tunnel);
    line.session?.destroy();
    line.socket.destroy();
  }

  #bookTunnel(tunnel: Tunnel): void {
    const stream = this.#booked.has(tunnel) ? undefined : tunnel.report(this.revision);
    this.#booked.add(tunnel);
    if (stream === undefined) return;
    this.ledger.streams.push(stream);
    this.#events.streamEnded(stream);
  }

  /** Books how a visit ended; once. */
  settle(visit: Visit, ending: Ending): void {
    const { requests, streams } = this.ledger;
    if (visit.count === "apart") return;
    visit.count = "apart";
    if (visit.isRefused) {
      requests.served -= 1;
      requests.refused += 1;
      return;
    }
    requests[ending] += 1;
    const stream = visit.stream?.report(STREAM_ENDINGS[ending], revisionOf(visit.response, this.revision));
    if (stream === undefined) return;
    streams.push(stream);
    this.#events.streamEnded(stream);
  }

  /**
   * What there still is to do. `isBusy`: a run goes on whose client has gone, or a record waits to be stored. `apart`: how many
   * connections are not waited for, and a door that is open counts as one that is.
   */
  load(isBusy: boolean, apart: number): DrainLoad {
    let working = isBusy ? 1 : 0;
    let endless = 0;
    for (const visit of this.visits) {
      if (visit.count === "apart" || visit.stream?.outcome !== undefined) continue;
      if (visit.stream?.kind === "endless") endless += 1;
      else working += 1;
    }
    // Only the hold asks for it, and there may be many lines.
    const lastArrivalMs = this.state === "hold" ? this.lastComingMs : this.lastArrivalMs;
    return { lastArrivalMs, working, endless, connections: this.lines.size - apart };
  }

  /** When the last one came; a connection on which nothing has come yet is somebody who comes, and one that brings a probe nobody. */
  get lastComingMs(): number {
    let lastMs = this.lastArrivalMs;
    for (const line of this.lines) if (line.isIdle && !line.isHeard) lastMs = Math.max(lastMs, line.openedAtMs);
    return lastMs;
  }
}

const STREAM_ENDINGS = { finished: "finished", gone: "client-gone", cut: "cut" } as const;

/** A rule that fails must not fail the request it is asked about. */
function isEndlessBy(settings: DrainSettings, request: NodeRequest): boolean {
  try {
    return settings.isEndless(request) === true;
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : `isEndless threw ${String(error)}`);
    return false;
  }
}

function nameOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}

function lineOf(lobby: Lobby, request: NodeRequest): Line {
  const socket = isHttp2(request) ? request.stream.session?.socket : request.socket;
  return lineOn(socket) ?? lobby.opened(request.socket);
}

/** Whether its answer was never given the connection. */
function isQueued({ request, response }: Visit): boolean {
  return !isHttp2(request) && response.socket === null && !response.writableFinished;
}
