import type { OnceoverEvent } from "@onceover/core";
import type { Manner, Moment } from "./plan.js";
import type { Sent } from "./sending.js";

/** What is counted while a storm goes on. */
export interface Tally {
  requests: number;
  kills: number;
  pauses: number;
  /** How often a worker sent a request to another revision. */
  routed: number;
  /** Tries that ended without a final answer, by what came instead. */
  readonly tries: Map<string, number>;
  /** Duplicates by their moment. */
  readonly moments: Map<Moment, number>;
  /** Sends whose first try was left by the client, by how. */
  readonly left: Map<Manner["manner"], number>;
  /** Unknown outcomes by run, and what `recover` said last. */
  readonly unknowns: Map<string, "done" | "rerun" | "unknown">;
  /** How long answers took, in milliseconds: those of a run of their own, and replayed ones. */
  readonly ranMs: number[];
  readonly replayedMs: number[];
}

/** A tally of nothing yet. */
export function createTally(): Tally {
  return {
    requests: 0,
    kills: 0,
    pauses: 0,
    routed: 0,
    tries: new Map(),
    moments: new Map(),
    left: new Map(),
    unknowns: new Map(),
    ranMs: [],
    replayedMs: [],
  };
}

/** Adds one to a count. */
export function count<Name>(counts: Map<Name, number>, name: Name): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** The sum of counts. */
export function sum(counts: ReadonlyMap<unknown, number>): number {
  return [...counts.values()].reduce((total, each) => total + each, 0);
}

/** Counts one request; `final` where its answer was one. */
export function countSent(tally: Tally, sent: Sent, final: boolean): void {
  tally.requests += 1;
  if (sent.outcome !== "answered") return count(tally.tries, sent.outcome);
  if (!final) return count(tally.tries, sent.code === undefined ? String(sent.status) : `${sent.status} ${sent.code}`);
  (sent.replayed ? tally.replayedMs : tally.ranMs).push(sent.tookMs);
}

/** Counts what a worker tells: requests it sent to another revision, and what `recover` makes of unknown outcomes. */
export function countEvent(tally: Tally, event: OnceoverEvent): void {
  if (event.type === "routed") tally.routed += 1;
  if (event.type !== "unknown") return;
  const run = `${event.keyDigest} ${event.attempt}`;
  const before = tally.unknowns.get(run);
  // Two processes may ask about the same run; what one of them settled stays settled.
  if (before === undefined || before === "unknown") tally.unknowns.set(run, event.settled);
}
