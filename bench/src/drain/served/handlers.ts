/** What every server of this bench does, so that they differ in how they leave and in nothing else. */

import { appendFileSync } from "node:fs";

/** Of a stream: one event each so often. In milliseconds. */
export const EVENT_EVERY_MS = 100;

/** What one request wants. */
export interface Wish {
  readonly route: "quick" | "slow" | "events" | "unknown";
  /** How long the answer takes to make, or a stream lasts. */
  readonly ms: number;
}

const USUAL_MS = { quick: 0, slow: 1_000, events: 20_000, unknown: 0 } as const;

/** Reads a target such as `/slow?id=7&ms=1000`, and writes down that it is carried out. */
export function carryOut(target: string, logPath: string): Wish {
  const { pathname, searchParams } = new URL(target, "http://bench");
  const route = routeOf(pathname);
  // Synchronous, because what ends the process must not lose it.
  appendFileSync(logPath, `${searchParams.get("id") ?? "-"}\n`);
  return { route, ms: Number(searchParams.get("ms") ?? USUAL_MS[route]) };
}

function routeOf(path: string): Wish["route"] {
  const name = path.slice(1);
  return name === "quick" || name === "slow" || name === "events" ? name : "unknown";
}

/** One event of the stream of tokens. */
export function eventText(id: number): string {
  return `id: ${id}\ndata: token ${id}\n\n`;
}

/** How many events a stream of so many milliseconds has. */
export function eventCount(ms: number): number {
  return Math.round(ms / EVENT_EVERY_MS);
}
