import { createServer } from "node:http";
import { inspect } from "node:util";
import type { Fingerprint, OwnerToken, Store, StoreKey } from "@onceover/core";
import { listen } from "@onceover/test/listen";
import type { RestFault } from "@onceover/test/upstash-rest";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { upstashStore } from "../src/index.js";
import { asking, type Database, newKey, newToken, SETTINGS, startDatabase } from "./clients.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");
const IMPATIENT_MS = 300;

let database: Database;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(() => database.stop());
afterEach(() => database.rest.heal());

/** Settings with which the client sends a request again at once when no answer came. */
const RESENDS = { retry: { retries: 5, backoff: () => 0 } };

function outcomeOf(call: Promise<{ readonly outcome: string }>): Promise<string> {
  return call.then(
    ({ outcome }) => outcome,
    (error: { readonly code?: string }) => error.code ?? String(error),
  );
}

describe("a reply that is lost, so that the client sends the request again", () => {
  it("of an acquire: the owner is told acquired, with the fence and attempt of the first time", async () => {
    const store = upstashStore({ client: database.connect(RESENDS), timeoutMs: 10_000 });
    const request = asking();
    const before = database.rest.seen.length;
    database.rest.fail({ kind: "lose-reply" }, 2);
    const found = await store.acquire(request);
    expect(database.rest.seen.length - before).toBeGreaterThanOrEqual(3);
    expect(found).toMatchObject({ outcome: "acquired", attempt: 1 });
    expect(await store.acquire(request)).toEqual(found);
    expect(await store.acquire(asking({ key: request.key }))).toMatchObject({ outcome: "running" });
  });

  it("of a renew, a complete and an abandon: the owner is told ok", async () => {
    const store = upstashStore({ client: database.connect(RESENDS), timeoutMs: 10_000 });
    const { key, token } = asking();
    await store.acquire(asking({ key, token }));
    for (const call of [() => store.renew(key, token, 60_000), () => store.complete(key, token, RECORD, DAY_MS)]) {
      database.rest.fail({ kind: "lose-reply" }, 2);
      expect(await call()).toBe("ok");
    }
    const other = asking();
    await store.acquire(other);
    database.rest.fail({ kind: "lose-reply" }, 2);
    expect(await store.abandon(other.key, other.token)).toBe("ok");
    expect(await store.read(key)).toMatchObject({ outcome: "done" });
  });

  it("and not sent again: the call rejects, and asked again with the same token the owner is told acquired", async () => {
    const store = upstashStore({ client: database.connect({ retry: { retries: 0 } }) });
    const request = asking();
    database.rest.fail({ kind: "lose-reply" }, 1);
    expect(await outcomeOf(store.acquire(request))).toBe("store-unavailable");
    expect(await store.acquire(request)).toMatchObject({ outcome: "acquired", attempt: 1 });
  });

  it("of 50 acquires at once: each is told acquired, attempt 1, and nobody else gets the key", async () => {
    const store = upstashStore({ client: database.connect(RESENDS), timeoutMs: 20_000 });
    const requests = Array.from({ length: 50 }, () => asking());
    database.rest.fail({ kind: "lose-reply" }, 50);
    const found = await Promise.all(requests.map((request) => store.acquire(request)));
    expect(found.every((one) => one.outcome === "acquired" && one.attempt === 1)).toBe(true);
    const others = await Promise.all(requests.map(({ key }) => outcomeOf(store.acquire(asking({ key })))));
    expect(new Set(others)).toEqual(new Set(["running"]));
  });
});

/** Every verb, for a database that answers none of them. */
function verbs(store: Store, key = newKey(), token = newToken()): (() => Promise<unknown>)[] {
  return [
    () => store.acquire(asking({ key, token })),
    () => store.renew(key, token, 1000),
    () => store.complete(key, token, RECORD, DAY_MS),
    () => store.abandon(key, token),
    () => store.read(key),
    () => store.forget(key),
    () => store.unknowns(),
    () => store.verify(),
  ];
}

/**
 * How much later than timers of `deadlineMs` and, after it, 0 a call settled, in milliseconds. The timers start with the
 * call and are late when the machine is, so that only the call's own lateness counts.
 */
async function overrunMs(deadlineMs: number, call: () => Promise<unknown>): Promise<number> {
  const timer = new Promise((resolve) => setTimeout(resolve, deadlineMs))
    .then(() => new Promise((resolve) => setTimeout(resolve, 0)))
    .then(() => performance.now());
  const now = () => performance.now();
  const settled = await call().then(now, now);
  return settled - (await timer);
}

describe("a database that does not answer", () => {
  const faults: [string, RestFault][] = [
    ["hangs", { kind: "hang" }],
    ["resets every connection", { kind: "drop" }],
    ["loses every reply", { kind: "lose-reply" }],
    ["is slow", { kind: "delay", delayMs: 2 * IMPATIENT_MS }],
  ];

  it.each(faults)(
    "because it %s: every verb rejects as store-unavailable by the deadline + 100 ms",
    async (_, fault) => {
      const store = upstashStore({ client: database.connect(), timeoutMs: IMPATIENT_MS });
      await store.acquire(asking());
      database.rest.fail(fault);
      const calls = verbs(store).map(async (call) => {
        const settled: Promise<unknown>[] = [];
        const late = await overrunMs(IMPATIENT_MS, () => {
          settled.push(call());
          return Promise.all(settled);
        });
        expect(late).toBeLessThan(100);
        await expect(settled[0]).rejects.toMatchObject({ code: "store-unavailable" });
      });
      await Promise.all(calls);
      database.rest.heal();
      await expect.poll(() => outcomeOf(store.acquire(asking())), { timeout: 20_000 }).toBe("acquired");
    },
  );

  it.each(SETTINGS)("the deadline holds whatever the client's settings: %s", async (_, settings) => {
    const store = upstashStore({ client: database.connect(settings), timeoutMs: IMPATIENT_MS });
    await store.acquire(asking());
    for (const kind of ["hang", "drop"] as const) {
      database.rest.fail({ kind });
      const call = store.acquire(asking());
      expect(await overrunMs(IMPATIENT_MS, () => call)).toBeLessThan(100);
      await expect(call).rejects.toMatchObject({ code: "store-unavailable" });
      database.rest.heal();
    }
  });

  it("leaves no unhandled rejection when its answer or error comes later", async () => {
    const unhandled: unknown[] = [];
    const hear = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", hear);
    const store = upstashStore({
      client: database.connect({ retry: { retries: 1, backoff: () => 50 } }),
      timeoutMs: 20,
    });
    database.rest.fail({ kind: "delay", delayMs: 40 }, 8);
    await Promise.allSettled(verbs(store).map((call) => call()));
    database.rest.fail({ kind: "drop" });
    await Promise.allSettled(verbs(store).map((call) => call()));
    await new Promise((resolve) => setTimeout(resolve, 200));
    process.off("unhandledRejection", hear);
    expect(unhandled).toEqual([]);
  });
});

it("an acquire that reaches the database after its deadline claims nothing", async () => {
  const store = upstashStore({ client: database.connect(), timeoutMs: IMPATIENT_MS });
  await store.acquire(asking());
  const requests = Array.from({ length: 20 }, () => asking());
  database.rest.fail({ kind: "hang" });
  const before = database.rest.seen.length;
  const outcomes = await Promise.all(requests.map((request) => outcomeOf(store.acquire(request))));
  expect(new Set(outcomes)).toEqual(new Set(["store-unavailable"]));
  // The server's clock is this machine's, but give it room to differ by a little.
  await new Promise((resolve) => setTimeout(resolve, IMPATIENT_MS));
  expect(database.rest.seen.length - before).toBe(20);
  const executed = async () =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await database.server.cli("info", "commandstats"))?.[1]);
  const done = await executed();
  database.rest.heal();
  await expect.poll(executed).toBe(done + 20);
  for (const { key } of requests) expect(await store.read(key)).toEqual({ outcome: "none" });
});

describe("a database that is full", () => {
  it.each([
    "ERR DB capacity quota exceeded. See https://upstash.com/docs/redis/troubleshooting/db_capacity_quota_exceeded",
    "ERR max request size exceeded. Limit: 1048576 bytes, Actual: 2000000 bytes",
    "ERR max single record size exceeded",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Errors writing to the AOF file: No space left on device",
  ])("is store-full: %s", async (error) => {
    const store = upstashStore({ client: database.connect() });
    database.rest.fail({ kind: "refuse", status: 400, body: JSON.stringify({ error }) });
    for (const call of verbs(store).slice(0, 3)) await expect(call()).rejects.toMatchObject({ code: "store-full" });
  });
});

describe("no error holds a byte of a key, a token, a fingerprint or a record", () => {
  const key = "Canary_Key".padEnd(43, "-canary") as StoreKey;
  const token = "canary-token-4711-canary-token-4711" as OwnerToken;
  const fingerprint = "f1:canary-fingerprint" as Fingerprint;
  const record = new TextEncoder().encode('{"card":"canary 4711 0815"}');

  async function errorsOf(store: Store): Promise<string[]> {
    const calls = [
      () => store.acquire(asking({ key, token, fingerprint })),
      () => store.renew(key, token, 1000),
      () => store.complete(key, token, record, DAY_MS),
      () => store.abandon(key, token),
      () => store.read(key),
      () => store.forget(key),
      () => store.unknowns(),
    ];
    const errors = await Promise.all(calls.map((call) => call().catch((error: unknown) => error)));
    expect(errors.every((error) => error instanceof Error)).toBe(true);
    return errors.map((error) => inspect(error, { depth: null, showHidden: true }));
  }

  it.each<[string, RestFault]>([
    ["an error that says what the command was", { kind: "refuse", status: 400, body: '{"error":"ERR something"}' }],
    [
      "an error that quotes its arguments",
      {
        kind: "refuse",
        status: 400,
        body: JSON.stringify({ error: `ERR unknown command 'evalsha', with args beginning with: '${key}' '${token}'` }),
      },
    ],
    [
      "an error that names the key in words of its own",
      { kind: "refuse", status: 400, body: JSON.stringify({ error: `ERR no slot for ${key} of ${token}` }) },
    ],
    ["an answer that is no JSON", { kind: "refuse", status: 200, body: `<html>${key} ${token} canary 4711` }],
    ["an error that is no JSON", { kind: "refuse", status: 502, body: `<html>${key} ${token} canary 4711` }],
    ["no answer at all", { kind: "drop" }],
  ])("%s", async (_, fault) => {
    database.rest.fail(fault);
    for (const [, settings] of SETTINGS.slice(0, 4)) {
      const client = database.connect({ ...settings, retry: { retries: 0 } });
      for (const shown of await errorsOf(upstashStore({ client }))) expect(shown.toLowerCase()).not.toContain("canary");
    }
  });

  it("nor of the database's address or token, where the request cannot be made", async () => {
    const client = database.connect({ url: "http://canary-host.invalid:1", token: "canary\u2028token", retry: false });
    for (const shown of await errorsOf(upstashStore({ client }))) expect(shown.toLowerCase()).not.toContain("canary");
  });

  it("but it says what went wrong", async () => {
    const store = upstashStore({ client: database.connect({ token: "another one" }) });
    await expect(store.read(key)).rejects.toThrow("Redis failed: WRONGPASS invalid or missing auth token");
    const { url, close } = await listen(createServer());
    await close();
    const client = database.connect({ url, retry: { retries: 0 } });
    await expect(upstashStore({ client }).read(key)).rejects.toThrow("no answer (TypeError, ECONNREFUSED)");
  });
});
