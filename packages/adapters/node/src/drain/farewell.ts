/** Taking leave: of streams without an end, of WebSockets, of idle connections, and at the deadline of everybody. */

import type { ServerResponse } from "node:http";
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

/** Hands streams without an end off, one after the other. */
export function takeLeaveOfStreams(lobby: Lobby, { plan, retryMs }: DrainSettings): void {
  const endless = [...lobby.visits].filter((visit) => visit.count === "in" && lobby.isEndless(visit.request));
  for (const visit of endless) {
    // The drain waits for each of them, and each of these timers.
    setTimeout(() => visit.handOff(jittered(retryMs)), spread(endless.length, plan.spreadMs));
  }
}

/** Up to twice as long. */
export function jittered(retryMs: number): number {
  return Math.round(retryMs * (1 + Math.random()));
}

/** Says goodbye to WebSockets, and to streams that have not come to the end of what they had begun. */
export function takeLeaveOfTunnels(lobby: Lobby, { plan }: DrainSettings): void {
  for (const visit of lobby.visits) if (visit.count === "in" && visit.isEndless) visit.takeLeave();
  const tunnels = [...lobby.lines].flatMap(({ tunnel }) => tunnel ?? []);
  const longestMs = tunnelSpreadMs(plan);
  for (const tunnel of tunnels) setTimeout(() => tunnel.leave(), spread(tunnels.length, longestMs));
  for (const { session } of lobby.lines) session?.close();
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
  const quietInMs = Math.max(lobby.lastArrivalMs, lobby.lastLineMs) + lingerMs - nowMs;
  if (exits.isListening && quietInMs > 0) return quietInMs;
  let nextInMs = exits.isListening ? 0 : Number.POSITIVE_INFINITY;
  exits.stopListening();
  const due: Line[] = [];
  for (const line of lobby.lines) {
    const inMs = line.idleSinceMs + lingerMs - nowMs;
    if (!line.isIdle) continue;
    if (inMs > 0) nextInMs = Math.min(nextInMs, inMs);
    else due.push(line);
  }
  // What has arrived by now is read before that.
  if (due.length > 0) setImmediate(() => endIdle(due));
  return nextInMs;
}

function endIdle(lines: readonly Line[]): void {
  for (const line of lines) if (line.isIdle) line.end();
}

/** At the deadline: what is left is cut, and booked. */
export function cutAll(lobby: Lobby, waiters: ReadonlySet<ServerResponse>): void {
  for (const visit of lobby.visits) lobby.settle(visit, visit.stream?.outcome === "handed-off" ? "finished" : "cut");
  const kept = new Set([...lobby.visits].filter(({ response }) => waiters.has(response)).map(({ line }) => line));
  for (const line of lobby.lines) {
    if (kept.has(line)) continue;
    if (line.isReading) lobby.ledger.connections.unfinished += 1;
    line.tunnel?.cut();
    line.session?.destroy();
    line.socket.destroy();
  }
}
