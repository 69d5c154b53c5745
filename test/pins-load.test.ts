/** An index is replaced under load, beside another revision: nobody is answered from one that he did not ask for. */
import { Agent, createServer } from "node:http";
import { createOnceover, memoryStore, type Store } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { createPinKeys, memoryRegistry, revisions } from "@onceover/core/revisions";
import type { Request } from "express";
import { describe, expect, it, onTestFinished } from "vitest";
import { judge } from "./pins-load/judge.js";
import { createLiveIndex } from "./pins-load/live-index.js";
import { runLoad } from "./pins-load/load.js";
import { hasPassed, report } from "./pins-load/report.js";
import { buildIndex } from "./pins-load/search-index.js";
import { createSeen, type Seen, type TokenStream } from "./pins-load/seen.js";
import { callerOf, type OrderLine, searchService } from "./pins-load/service.js";
import { createShelf } from "./pins-load/shelf.js";
import { followTokens } from "./pins-load/token-client.js";
import { TOKENS } from "./pins-load/token-streams.js";
import { listen } from "./src/listen.js";

/** A new one each time; a failure prints it. */
const SEED = Number(process.env.PINS_LOAD_SEED ?? Date.now() % 1_000_000);

describe("two revisions under load while an index is replaced", () => {
  it(`answer from what was asked for, and end each stream where it began (PINS_LOAD_SEED=${SEED})`, async () => {
    const outcome = await runLoad({ clients: 200, seconds: 8, thinkMs: 1500, seed: SEED });
    console.log(report(outcome));
    expect(hasPassed(outcome), report(outcome)).toBe(true);
    const { seen, routed } = outcome;
    expect(routed).toBeGreaterThan(50);
    expect(seen.refused.get("412 backend-behind")).toBeGreaterThan(0);
    expect(seen.streams.filter(({ end, reconnects }) => end === "whole" && reconnects > 0).length).toBeGreaterThan(5);
    expect(new Set(seen.searches.map(({ evidence }) => evidence.indexHash)).size).toBe(3);
  }, 120_000);
});

describe("an index that is replaced", () => {
  it("is gone when a handler begins that was let in by it: 503, nothing happened, and the key is free", async () => {
    const held = holdingStore();
    const { url, orders, replace, old, next } = await startService(held.store);
    const first = order(url, old);
    await held.isHeld;
    await replace();
    held.letGo();
    expect(await first).toMatchObject({ status: 503, body: { code: "index-gone" } });
    expect(await order(url, old)).toMatchObject({ status: 412, body: { code: "backend-behind", executed: false } });
    expect(await order(url, next)).toMatchObject({ status: 201, body: { indexHash: next } });
    expect(orders).toHaveLength(1);
  });

  it("stays for the requests that have it, and for a stream until it is taken up again and ends", async () => {
    const { port, shelf, replace, old, next } = await startService(memoryStore());
    let replaced: Promise<void> | undefined;
    const agent = new Agent();
    const { stream } = await followTokens({
      agent,
      leaves: true,
      outgoing(path, headers = {}) {
        if (headers.Cookie !== undefined) replaced = replace();
        return { port, method: "GET", path, headers };
      },
    });
    expect(stream).toMatchObject({ end: "whole", reconnects: 1 });
    expect(stream.tokens.map(({ id, indexHash }) => [id, indexHash])).toEqual(
      Array.from({ length: TOKENS }, (_, at) => [at + 1, old]),
    );
    expect(shelf.hashes()).toEqual([old, next]);
    await replaced;
    expect(shelf.hashes()).toEqual([next]);
  });
});

/** A store whose first acquire waits until it is let go. */
function holdingStore() {
  const store = memoryStore();
  let letGo = () => {};
  let hold = () => {};
  const isLetGo = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const isHeld = new Promise<void>((resolve) => {
    hold = resolve;
  });
  const acquire: Store["acquire"] = async (request) => {
    hold();
    await isLetGo;
    return store.acquire(request);
  };
  return { store: { ...store, acquire }, isHeld, letGo: () => letGo() };
}

async function startService(store: Store) {
  const [first, second] = [await buildIndex("b"), await buildIndex("c")];
  const shelf = createShelf();
  const live = createLiveIndex(shelf, first);
  const orders: OrderLine[] = [];
  const once = createOnceover<Request>({
    service: "search",
    revision: "r2",
    store,
    scope: callerOf,
    pins: pins({
      writes: { schemaRev: 12, indexHash: first.hash },
      accepts: { indexHash: [second.hash] },
      read: live.read,
      revisions: revisions({
        registry: memoryRegistry(),
        keys: createPinKeys({ service: "search", keys: [{ id: "test", secret: new Uint8Array(32).fill(9) }] }),
      }),
    }),
  });
  const take = (line: OrderLine) => void orders.push(line);
  const app = searchService({ once, shelf, schemaRev: 12, take, searchMs: 1, tokenMs: 20 });
  const { url, close } = await listen(createServer(app));
  onTestFinished(close);
  shelf.put(second);
  const replace = () => live.replace(second.hash, once.pins.refresh);
  return { url, port: Number(new URL(url).port), orders, shelf, replace, old: first.hash, next: second.hash };
}

async function order(url: string, indexHash: string) {
  const headers = { "Idempotency-Key": "order-1", "X-Caller": "alpaca", "Index-Hash": indexHash };
  const response = await fetch(`${url}/orders`, { method: "POST", headers });
  return { status: response.status, body: await response.json() };
}

describe("the judge of the load", () => {
  const side = { revision: "r2", schemaRev: 12, accepts: [12], hashes: ["B", "C"] };
  const by = { revision: "r2", schemaRev: 12, indexHash: "B" };
  const token = (id: number) => ({ id, ...by });
  const whole: TokenStream = {
    asked: {},
    tokens: Array.from({ length: TOKENS }, (_, at) => token(at + 1)),
    reconnects: 1,
    end: "whole",
  };
  const search = { asked: { indexHash: "B" }, evidence: by, hits: ["B"], head: { revision: "r2", indexHash: "B" } };
  const judged = (change: Partial<Seen>) => judge({ ...createSeen(), ...change }, [], [side]);

  it("finds nothing wrong where all is as it was asked for", () => {
    const calm = { wrong: [], brokenStreams: [], violations: [] };
    expect(judged({ searches: [search], streams: [whole] })).toEqual(calm);
  });

  it.each([
    ["from another index than asked for", { asked: { indexHash: "C" } }],
    ["by a schema that is not accepted", { asked: { schemaRev: 11 } }],
    ["by a revision that there is not", { evidence: { ...by, revision: "r3" } }],
    ["with a hit from another index", { hits: ["B", "C"] }],
    ["whose head names another index", { head: { revision: "r2", indexHash: "C" } }],
  ])("counts a search answered %s", (_what, change) => {
    expect(judged({ searches: [{ ...search, ...change }] }).wrong).toHaveLength(1);
  });

  it("counts an order whose run did not have what its own arrival asked for, replays too", () => {
    const requests = ["q1", "q2"].map((id) => ({ id, scope: "s", key: "k", owed: "yes" as const }));
    const body = JSON.stringify({ id: "e1", ...by, arrival: "q1" });
    const answers = requests.map(({ id }) => ({ request: id, arrival: id, status: 201, body, effect: "e1" }));
    const effects = [{ id: "e1", scope: "s", key: "k", arrival: "q1" }];
    const judgedBy = (first: object, second: object) => {
      const asked = new Map([
        ["q1", first],
        ["q2", second],
      ]);
      return judge({ ...createSeen(), requests, answers, asked }, effects, [side]);
    };
    expect(judgedBy({ indexHash: "B" }, { indexHash: "C" })).toMatchObject({ wrong: [], violations: [] });
    expect(judgedBy({ indexHash: "C" }, { indexHash: "B" }).wrong).toHaveLength(2);
    expect(judgedBy({ schemaRev: 12 }, { schemaRev: 11 }).wrong).toHaveLength(1);
  });

  it.each<readonly [string, Partial<TokenStream>]>([
    ["that changed its revision", { tokens: [...whole.tokens.slice(1), { ...token(TOKENS), revision: "r1" }] }],
    ["that changed its index", { tokens: [...whole.tokens.slice(0, -1), { ...token(TOKENS), indexHash: "C" }] }],
    ["without one of its tokens", { tokens: whole.tokens.slice(1) }],
    ["that was lost", { end: "lost" }],
  ])("counts a stream %s", (_what, change) => {
    expect(judged({ streams: [{ ...whole, ...change }] }).brokenStreams).toHaveLength(1);
  });
});
