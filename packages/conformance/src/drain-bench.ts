import { memoryStore } from "@onceover/core";
import type { DrainReport, DrainState, DrainWishes } from "@onceover/core/drain";
import { expect } from "vitest";
import { type App, openBench, type RouteLike, text } from "./adapter-bench.js";
import type { Protocol } from "./adapter-suite.js";
import { latch, until } from "./adapter-wait.js";
import type { DrainHandle, DrainSuite } from "./drain-suite.js";

/** One rule that is kept on the way out, and the steps that show whether it is. */
export interface DrainCase {
  readonly rule: string;
  /** Left out where the client speaks another protocol, which has no such thing. */
  readonly only?: Protocol;
  /** Rejects where the rule is broken. The caller closes the bench. */
  run(bench: DrainBench): Promise<void>;
}

/** What a case works with: one store, and servers on it that can leave. */
export interface DrainBench {
  readonly protocol: Protocol;
  /** Starts a server with these routes. @default plan a short hold, and a drain that lasts as long as there is something to do */
  leaver(routes: readonly RouteLike[], plan?: DrainWishes): Promise<Leaver>;
  /** Moves the clock of the store on, which otherwise stands still. */
  advance(ms: number): void;
  close(): Promise<void>;
}

/** A server that can leave. */
export interface Leaver extends App {
  readonly drain: DrainHandle;
}

/** The hold is over soon; what follows lasts as long as there is something to do. */
export const SHORT_HOLD: DrainWishes = {
  budgetMs: 20_000,
  holdMs: 100,
  quietMs: 40,
  drainMs: 10_000,
  farewellMs: 1_500,
  lingerMs: 40,
  spreadMs: 1,
};

/** The hold is over when nobody has come for long enough that no healthy machine takes longer to come again. */
export const LONG_HOLD: DrainWishes = { ...SHORT_HOLD, budgetMs: 30_000, holdMs: 12_000, quietMs: 1_500 };

/** What clients that are sent away are told at the least. In milliseconds. */
export const RETRY_MS = 150;

/** Opens the store for one case. */
export async function openDrainBench({ open, protocol = "http/1.1" }: DrainSuite): Promise<DrainBench> {
  let nowMs = Date.now();
  const store = memoryStore({ nowMs: () => nowMs });
  const closing: (() => Promise<void>)[] = [];
  return {
    protocol,
    advance(ms) {
      nowMs += ms;
    },
    async leaver(routes, plan = SHORT_HOLD) {
      const drain = { plan, retryMs: RETRY_MS, signals: [], isEndless } as const;
      const drains: DrainHandle[] = [];
      const bench = await openBench({
        async start(setup) {
          const server = await open({ ...setup, drain });
          drains.push(server.drain);
          return server;
        },
        openStore: async () => ({ store, close: async () => {} }),
        protocol,
        capabilities: { bodyParser: false, sendFile: false, nodeResponse: false },
      });
      closing.push(bench.close);
      const app = await bench.serve(routes);
      const [handle] = drains;
      if (handle === undefined) throw new Error("open() opened nothing");
      return Object.assign(app, { drain: handle });
    },
    async close() {
      for (const end of closing.reverse()) await end();
      await store.close();
    },
  };
}

/** Routes that begin like this have no end. */
function isEndless({ url = "" }: { readonly url?: string | undefined }): boolean {
  return url.startsWith("/endless");
}

/** A route that is answered at once. */
export const QUICK: RouteLike = { path: "/quick", handler: () => text("quick") };

/** A route whose handler waits. */
export interface Gate {
  readonly route: RouteLike;
  /** How many wait. */
  readonly waiting: number;
  /** Has all of them answer, and whoever comes later. */
  open(): void;
}

/** Makes a route whose handler answers `slow <n>` when it is told to. */
export function gate(path = "/slow"): Gate {
  const gone = latch();
  const told = { waiting: 0 };
  const route: RouteLike = {
    path,
    async handler() {
      told.waiting += 1;
      const number = told.waiting;
      await gone.opened;
      return text(`slow ${number}`, 201);
    },
  };
  return Object.assign(told, { route, open: gone.open });
}

/** Settles when a server is in this state. */
export async function reach({ drain }: Leaver, state: DrainState): Promise<void> {
  await until(`the server is in ${state}`, () => drain.state === state);
}

/** Waits for the report, which must add up and be clean. */
export async function leave(leaver: Leaver): Promise<DrainReport> {
  const report = await leaver.drain.start();
  expectSum(report);
  expect({ verdict: report.verdict, interrupted: report.interrupted }).toEqual({ verdict: "clean", interrupted: [] });
  expect(leaver.drain.state).toBe("closed");
  return report;
}

/** Expects every request that was let in to be accounted for. */
export function expectSum({ requests, phases, streams, verdict }: DrainReport): void {
  const { atStart, served, finished, gone, cut } = requests;
  expect(finished + gone + cut, "atStart + served = finished + gone + cut").toBe(atStart + served);
  expect(
    Math.min(...Object.values({ ...requests, ...phases }).map((each) => (typeof each === "number" ? each : each.ms))),
  ).toBeGreaterThanOrEqual(0);
  const isCut = cut > 0 || streams.some(({ outcome }) => outcome === "cut");
  if (isCut) expect(verdict).toBe("cut");
}
