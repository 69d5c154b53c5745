/** Taking leave: of streams without an end, of WebSockets, of idle connections, and at the deadline of everybody. */

import type { DrainPlan } from "@onceover/core/drain";
import type { DrainSettings } from "./drain-settings.js";
import type { Line } from "./line.js";
import type { Lobby } from "./lobby.js";

/** The doors of a server. */
export interface Exits {
  readonly isListening: boolean;
  /** Lets nobody in any more; whoever is in stays. */
  stopListening(): void;
  /** Ends what the server itself keeps going. */
  close(): void;
}

/** So many in a second: fewer are no crowd when they come again. */
const PER_SECOND = 100;

/** The moments at which so many are told, spread so that they do not all come again at once. */
function spread(count: number, longestMs: number): number {
  return Math.random() * Math.min(longestMs, (count * 1000) / PER_SECOND);
}

/** Does something later, unless all is over by then. */
export type Later = (ms: number, deed: () => void) => void;

/** Hands streams without an end off, one after the other. */
export function takeLeaveOfStreams(lobby: Lobby, { plan, retryMs }: DrainSettings, later: Later): void {
  const endless = [...lobby.visits].filter((visit) => visit.count === "in" && lobby.isEndless(visit.request));
  for (const visit of endless) {
    later(spread(endless.length, plan.spreadMs), () => {
      if (lobby.visits.has(visit)) visit.handOff(jittered(retryMs));
    });
  }
}

/** Up to twice as long. */
export function jittered(retryMs: number): number {
  return Math.round(retryMs * (1 + Math.random()));
}

/** Says goodbye to WebSockets, to streams that have not come to the end of what they had begun, and to sessions of HTTP/2. */
export function takeLeaveOfTunnels(lobby: Lobby, { plan }: DrainSettings, later: Later): void {
  for (const visit of lobby.visits) {
    // Whoever has had no head yet would get an empty answer.
    if (visit.count === "in" && visit.isEndless && visit.response.headersSent) visit.takeLeave();
  }
  const tunnels = [...lobby.lines].flatMap(({ tunnel }) => tunnel ?? []);
  const longestMs = tunnelSpreadMs(plan);
  for (const tunnel of tunnels) later(spread(tunnels.length, longestMs), () => tunnel.leave());
  for (const line of lobby.lines) if (line.session !== undefined) line.end();
}

/** Half of the farewell is left for the answers. */
function tunnelSpreadMs({ spreadMs, farewellMs }: DrainPlan): number {
  return Math.min(spreadMs, farewellMs / 2);
}

/**
 * Closes the door once nobody has come for a while, and then the connections that nothing is on. What waits to be accepted is
 * lost when the door closes, and so is what a client sends at the moment its connection does: hence the while.
 *
 * @returns when to look again, in milliseconds.
 */
export function sweep(lobby: Lobby, exits: Exits, lingerMs: number, nowMs: number): number {
  const quietInMs = exits.isListening ? Math.max(lobby.lastComingMs, lobby.backByMs) + lingerMs - nowMs : 0;
  if (quietInMs > 0) return quietInMs;
  let nextInMs = exits.isListening ? 0 : Number.POSITIVE_INFINITY;
  exits.stopListening();
  const due: Line[] = [];
  for (const line of lobby.lines) {
    const inMs = line.idleSinceMs + lingerMs - nowMs;
    if (!line.isIdle) continue;
    if (inMs > 0) nextInMs = Math.min(nextInMs, inMs);
    else due.push(line);
    if (due.length === MOST_AT_ONCE) break;
  }
  // What has arrived by now is read before that.
  if (due.length > 0) setImmediate(() => endIdle(due));
  return due.length === MOST_AT_ONCE ? 0 : nextInMs;
}

/** In one turn of the event loop: more would keep others waiting. */
const MOST_AT_ONCE = 200;

function endIdle(lines: readonly Line[]): void {
  for (const line of lines) if (line.isIdle) line.end();
}

/** At the deadline: what is left is cut, and booked. */
export function cutAll(lobby: Lobby, kept: ReadonlySet<Line>): void {
  for (const visit of lobby.visits) lobby.settle(visit, visit.stream?.outcome === "handed-off" ? "finished" : "cut");
  for (const line of lobby.lines) if (!kept.has(line)) lobby.cut(line);
}
