import type { OwnerToken, Store, StoreKey } from "@onceover/core";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import { startTcpProxy } from "@onceover/test/tcp-proxy";
import { sleep, until } from "@onceover/test/wait";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { migrate, postgresStore } from "../src/index.js";
import { asking, connect, count, newToken, outcomeOf } from "./pools.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");
const IMPATIENT_MS = 300;

let server: PostgresServer;
let pool: Pool;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  pool = connect(server.url);
  await migrate(pool);
});
afterEach(async () => {
  await pool.end();
});

const verbs = (store: Store) => {
  const { key, token } = asking();
  return [
    () => store.acquire(asking({ key, token })),
    () => store.renew(key, token, 1000),
    () => store.complete(key, token, RECORD, DAY_MS),
    () => store.abandon(key, token),
    () => store.read(key),
    () => store.forget(key),
    () => store.unknowns(),
    () => store.verify(),
    () => store.watch?.(key, () => undefined) ?? Promise.resolve(),
  ];
};

/** Each verb must reject at its deadline; a timer that is late as the machine is tells when that was. */
async function expectAllInTime(store: Store): Promise<void> {
  const calls = verbs(store).map(async (call) => {
    const timer = new Promise<number>((resolve) => setTimeout(() => resolve(performance.now()), IMPATIENT_MS));
    await expect(call()).rejects.toMatchObject({ code: "store-unavailable" });
    const endedMs = performance.now();
    expect(endedMs - (await timer)).toBeLessThan(100);
  });
  await Promise.all(calls);
}

describe("a server that does not answer", () => {
  it("because it is paused: every verb rejects by the deadline + 100 ms, and the pool is as good as new afterwards", async () => {
    const store = postgresStore({ pool, timeoutMs: IMPATIENT_MS });
    await store.verify();
    await server.pause();
    await expectAllInTime(store);
    await server.resume();
    await until("it answers again", async () => (await outcomeOf(store.acquire(asking()))) === "acquired");
    await store.close();
  });

  it("because it was killed: every verb rejects, and works again after a restart", async () => {
    const store = postgresStore({ pool, timeoutMs: IMPATIENT_MS });
    const kept = asking();
    await store.acquire(kept);
    await server.kill();
    await expectAllInTime(store);
    await server.restart();
    await until("it answers again", async () => (await outcomeOf(store.read(kept.key))) === "running");
    await store.close();
  });

  it("because the pool has no connection left: every verb rejects in time, and sends nothing later", async () => {
    const small = connect(server.url, { max: 1 });
    const store = postgresStore({ pool: small, timeoutMs: IMPATIENT_MS });
    await store.verify();
    const taken = await small.connect();
    const request = asking();
    expect(await outcomeOf(store.acquire(request))).toBe("store-unavailable");
    await expectAllInTime(store);
    taken.release();
    expect(await store.read(request.key)).toEqual({ outcome: "none" });
    await store.close();
    await small.end();
  });

  it.each(["hang", "swallowRequests"] as const)(
    "because of the network (%s): the deadline holds, and connections that hear nothing any more are replaced",
    async (fault) => {
      const proxy = await startTcpProxy(server.port);
      const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
      const far = connect(url, { max: 2, connectionTimeoutMillis: IMPATIENT_MS });
      const store = postgresStore({ pool: far, timeoutMs: IMPATIENT_MS });
      await until("it answers", async () => (await outcomeOf(store.acquire(asking()))) === "acquired");
      proxy[fault]();
      await expectAllInTime(store);
      proxy.heal();
      await until("it answers again", async () => (await outcomeOf(store.acquire(asking()))) === "acquired");
      await store.close();
      await far.end();
      await proxy.close();
    },
  );
});

it("paused acquires that are executed after their deadline claim nothing", async () => {
  const wide = connect(server.url, { max: 20 });
  const store = postgresStore({ pool: wide, timeoutMs: IMPATIENT_MS });
  const patient = postgresStore({ pool, timeoutMs: 10_000 });
  await Promise.all(Array.from({ length: 20 }, () => store.verify()));
  await server.pause();
  const requests = Array.from({ length: 20 }, () => asking());
  const outcomes = await Promise.all(requests.map((request) => outcomeOf(store.acquire(request))));
  expect(count(outcomes)).toEqual({ "store-unavailable": 20 });
  // The server's clock went on, but give it room to differ from ours by a little.
  await sleep(IMPATIENT_MS);
  await server.resume();
  await until("all connections of the impatient are gone", async () => {
    const { rows } = await pool.query(
      "SELECT FROM pg_stat_activity WHERE query LIKE '-- onceover%' AND state = 'active'",
    );
    return rows.length === 0;
  });
  for (const { key } of requests) expect(await patient.read(key)).toEqual({ outcome: "none" });
  await store.close();
  await patient.close();
  await wide.end();
});

it("a server whose clock is another one than before is asked again, and answers acquired", async () => {
  const store = postgresStore({ pool });
  await store.acquire(asking());
  const clock = performance.now;
  try {
    // What was learned of the server's clock is wrong by an hour from here on, in the direction of "too late".
    performance.now = () => clock.call(performance) - 3_600_000;
    expect(await store.acquire(asking())).toMatchObject({ outcome: "acquired", attempt: 1 });
  } finally {
    performance.now = clock;
  }
  await store.close();
});

it("a backend that is terminated in mid-call: the caller is told store-unavailable, asks again and owns the key once", async () => {
  const store = postgresStore({ pool, timeoutMs: 10_000 });
  const request = asking();
  const holder = await pool.connect();
  await holder.query("BEGIN");
  await holder.query("LOCK TABLE onceover.records IN SHARE MODE");
  const first = outcomeOf(store.acquire(request));
  const terminate =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '-- onceover%'";
  await until("it was terminated", async () => (await pool.query(terminate)).rows.length > 0);
  expect(await first).toBe("store-unavailable");
  await holder.query("COMMIT");
  holder.release();
  expect(await store.acquire(request)).toMatchObject({ outcome: "acquired", attempt: 1 });
  await store.close();
});

it("killed and restarted six times under load: no key has two effects, and each is done or unknown in the end", async () => {
  const stores = Array.from({ length: 3 }, () => {
    const own = connect(server.url, { max: 4 });
    return { own, store: postgresStore({ pool: own, timeoutMs: IMPATIENT_MS }) };
  });
  const effects = new Map<StoreKey, number>();
  const answered = new Set<StoreKey>();
  let isOver = false;

  /** As a service would: a failed acquire is asked again with its token, a failed complete is sent again. */
  async function serve(store: Store, key: StoreKey, token: OwnerToken): Promise<void> {
    const found = await insist(() => store.acquire(asking({ key, token, leaseMs: 60_000 })));
    if (found.outcome !== "acquired") return;
    effects.set(key, (effects.get(key) ?? 0) + 1);
    if ((await insist(() => store.complete(key, token, RECORD, DAY_MS))) === "ok") answered.add(key);
  }

  async function worker(): Promise<void> {
    while (!isOver) {
      const { key } = asking();
      await Promise.all(stores.map(({ store }) => serve(store, key, newToken())));
    }
  }

  const working = Array.from({ length: 4 }, worker);
  for (let fault = 0; fault < 6; fault++) {
    await sleep(250);
    if (fault % 2 === 0) await server.kill();
    await server.restart();
  }
  await sleep(250);
  isOver = true;
  await Promise.all(working);
  expect(effects.size).toBeGreaterThan(50);
  expect(count([...effects.values()].map(String))).toEqual({ 1: effects.size });
  expect(answered.size).toBe(effects.size);
  const { rows } = await pool.query("SELECT key FROM onceover.records WHERE state = 'done'");
  const done = new Set(rows.map(({ key }: { key: StoreKey }) => key));
  expect([...answered].filter((key) => !done.has(key))).toEqual([]);
  for (const { own, store } of stores) {
    await store.close();
    await own.end();
  }
}, 60_000);

/** Calls until it is answered. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch {
      await sleep(20);
    }
  }
}

it("in time leaves no unhandled rejection and no uncaught error when the connection is lost later", async () => {
  const escaped: unknown[] = [];
  const listen = (reason: unknown) => void escaped.push(reason);
  process.on("unhandledRejection", listen).on("uncaughtException", listen);
  const store = postgresStore({ pool, timeoutMs: IMPATIENT_MS });
  await store.verify();
  await server.pause();
  await Promise.all(Array.from({ length: 12 }, () => outcomeOf(store.acquire(asking()))));
  await server.kill();
  await server.restart();
  await sleep(100);
  process.off("unhandledRejection", listen).off("uncaughtException", listen);
  expect(escaped).toEqual([]);
  await store.close();
});
