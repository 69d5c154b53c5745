/** Servers that leave, for the tests of the drain. */
import type { Server } from "node:net";
import { createOnceover, memoryStore, type Onceover, SHARED_SCOPE } from "@onceover/core";
import type { DrainReport, DrainWishes, StreamOutcome } from "@onceover/core/drain";
import { type Listening, listen } from "@onceover/test/listen";
import { type Drain, type DrainOptions, drainable } from "../src/index.js";

/** Short enough for tests. */
export const SHORT: DrainWishes = {
  budgetMs: 8000,
  holdMs: 1000,
  quietMs: 100,
  drainMs: 4000,
  farewellMs: 2000,
  lingerMs: 50,
  spreadMs: 100,
  marginMs: 1,
};

/** For those who have work to do until the end: how busy the machine is must not decide. */
export const PATIENT: DrainWishes = { ...SHORT, budgetMs: 60_000, drainMs: 20_000, farewellMs: 20_000 };

/** For clients that read nothing, who are given up in 5 s: on a busy machine it takes some time to ask the kernel about them. */
export const STILL: DrainWishes = { ...SHORT, budgetMs: 13_000, drainMs: 10_000 };

/** A server, and its way out. */
export interface Leaving extends Listening {
  readonly drain: Drain;
  readonly once: Onceover;
  readonly port: number;
}

/** Lets a server listen that can be drained. No signal starts that, unless it is asked for. */
export async function stage(server: Server, options: DrainOptions = {}): Promise<Leaving> {
  const once = newOnce();
  const drain = drainable(server, once, { plan: SHORT, signals: [], ...options });
  const listening = await listen(server);
  return { ...listening, drain, once, port: Number(new URL(listening.url).port) };
}

/** An instance of nothing in particular. */
export function newOnce(): Onceover {
  return createOnceover({ service: "drained", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });
}

/** How the streams of a report ended, and how many each. */
export function outcomesOf({ streams }: DrainReport): Partial<Record<StreamOutcome, number>> {
  const counts: Partial<Record<StreamOutcome, number>> = {};
  for (const { outcome } of streams) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
