import type { Store } from "@onceover/core";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import { until } from "@onceover/test/wait";
import pg, { type Pool } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { migrate, postgresStore } from "../src/index.js";
import { asking, connect, count, newToken, outcomeOf } from "./pools.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");

let server: PostgresServer;
let admin: Pool;
beforeAll(async () => {
  server = await startPostgres();
  admin = connect(server.url);
  await migrate(admin);
});
afterAll(async () => {
  await admin.end();
  await server.stop();
});

const opened: { readonly pool: Pool; readonly store: Store }[] = [];
afterEach(async () => {
  for (const { pool, store } of opened.splice(0)) {
    await store.close();
    await pool.end();
  }
});

function open(timeoutMs = 10_000): Store {
  const pool = connect(server.url, { max: 5, connectionTimeoutMillis: 20_000 });
  const store = postgresStore({ pool, timeoutMs });
  opened.push({ pool, store });
  return store;
}

/** Somebody else's transaction, open until it is told to end. */
async function transaction(): Promise<pg.Client> {
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query("BEGIN");
  return client;
}

/** Settles when a statement of the store waits for a lock. */
function somebodyWaits(): Promise<void> {
  return until("a statement waits for a row", async () => {
    const { rows } = await admin.query(
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '-- onceover%'",
    );
    return rows.length > 0;
  });
}

const CLAIM = `UPDATE onceover.records SET state = 'running', token = $2, fence = fence + 1, attempt = attempt + 1,
  lease_ends_at = now() + interval '1 minute', expires_at = now() + interval '1 day' WHERE key = $1`;

describe("of many callers at once", () => {
  it("with 50 acquires of one key over 20 pools, ten keys in turn, exactly one is acquired", async () => {
    const stores = Array.from({ length: 20 }, () => open());
    await Promise.all(stores.map((store) => store.verify()));
    for (let round = 0; round < 10; round++) {
      const { key } = asking();
      const calls = Array.from({ length: 50 }, (_, i) => outcomeOf((stores[i % 20] as Store).acquire(asking({ key }))));
      expect(count(await Promise.all(calls))).toEqual({ acquired: 1, running: 49 });
    }
  });

  it("with 50 acquires of a key that was abandoned, or has expired, over 20 pools, exactly one is acquired", async () => {
    const stores = Array.from({ length: 20 }, () => open());
    const [store] = stores as [Store];
    for (let round = 0; round < 6; round++) {
      const first = asking();
      await store.acquire(first);
      if (round % 2 === 0) await store.abandon(first.key, first.token);
      else await admin.query("UPDATE onceover.records SET expires_at = now() WHERE key = $1", [first.key]);
      const calls = Array.from({ length: 50 }, (_, i) =>
        outcomeOf((stores[i % 20] as Store).acquire(asking({ key: first.key }))),
      );
      expect(count(await Promise.all(calls))).toEqual({ acquired: 1, running: 49 });
    }
  });

  it("with acquires, completes and duplicates of 200 keys mixed, each key has one effect and one answer", async () => {
    const stores = Array.from({ length: 4 }, () => open());
    const effects = new Map<string, number>();
    const keys = Array.from({ length: 200 }, () => asking().key);
    const send = async (store: Store, request = asking()) => {
      const found = await store.acquire(request);
      if (found.outcome !== "acquired") return;
      effects.set(request.key, (effects.get(request.key) ?? 0) + 1);
      await store.complete(request.key, request.token, RECORD, DAY_MS);
    };
    await Promise.all(keys.flatMap((key) => stores.map((store) => send(store, asking({ key })))));
    expect(count([...effects.values()].map(String))).toEqual({ 1: 200 });
    const found = await Promise.all(keys.map((key) => outcomeOf((stores[0] as Store).read(key))));
    expect(count(found)).toEqual({ done: 200 });
  });
});

describe("a row that another transaction has not committed yet", () => {
  it("is waited for: committed, it is running; the snapshot that missed it does not decide", async () => {
    const request = asking();
    const other = await transaction();
    await other.query(
      `INSERT INTO onceover.records VALUES ($1, 1, 'running', 'other', 1, 1, 'f', now() + interval '1 hour', now() + interval '1 day', false)`,
      [request.key],
    );
    const found = outcomeOf(open().acquire(request));
    await somebodyWaits();
    await other.query("COMMIT");
    expect(await found).toBe("running");
    await other.end();
  });

  it("is waited for: rolled back, the key is acquired, attempt 1", async () => {
    const request = asking();
    const other = await transaction();
    await other.query(
      `INSERT INTO onceover.records VALUES ($1, 1, 'running', 'other', 1, 7, 'f', now() + interval '1 hour', now() + interval '1 day', false)`,
      [request.key],
    );
    const found = open().acquire(request);
    await somebodyWaits();
    await other.query("ROLLBACK");
    expect(await found).toMatchObject({ outcome: "acquired", attempt: 1 });
    await other.end();
  });

  it("was free when it was looked at, and claimed when it was locked: it is running, and stays the other's", async () => {
    const store = open();
    const first = asking();
    await store.acquire(first);
    await store.abandon(first.key, first.token);
    const other = await transaction();
    await other.query(CLAIM, [first.key, "other"]);
    const found = outcomeOf(store.acquire(asking({ key: first.key })));
    await somebodyWaits();
    await other.query("COMMIT");
    expect(await found).toBe("running");
    const { rows } = await admin.query("SELECT token, attempt FROM onceover.records WHERE key = $1", [first.key]);
    expect(rows).toEqual([{ token: "other", attempt: 2 }]);
    await other.end();
  });

  it("was free when it was looked at, and done when it was locked: the answer is byte for byte what was recorded", async () => {
    const store = open();
    const first = asking();
    await store.acquire(first);
    await store.abandon(first.key, first.token);
    const large = new Uint8Array(300_000).map((_, i) => (i * 7919) >> 3);
    const other = await transaction();
    await other.query("UPDATE onceover.records SET state = 'done', record = $2 WHERE key = $1", [
      first.key,
      Buffer.from(large),
    ]);
    const found = store.acquire(asking({ key: first.key }));
    await somebodyWaits();
    await other.query("COMMIT");
    expect(await found).toEqual({ outcome: "done", record: large });
    expect(await store.read(first.key)).toEqual({ outcome: "done", record: large });
    await other.end();
  });

  it("was taken over while its complete waited: the complete is stale, and while its renew waited: stale", async () => {
    const store = open();
    for (const verb of ["complete", "renew", "abandon"] as const) {
      const { key, token } = asking();
      await store.acquire(asking({ key, token }));
      const other = await transaction();
      await other.query(CLAIM, [key, "other"]);
      const written =
        verb === "complete"
          ? store.complete(key, token, RECORD, DAY_MS)
          : verb === "renew"
            ? store.renew(key, token, 1000)
            : store.abandon(key, token);
      await somebodyWaits();
      await other.query("COMMIT");
      expect(await written).toBe("stale");
      await other.end();
    }
  });

  it("is waited for no longer than timeoutMs, and an acquire that waited past it claims nothing", async () => {
    const store = open(300);
    await store.verify();
    const first = asking();
    await store.acquire(first);
    await store.abandon(first.key, first.token);
    const other = await transaction();
    await other.query("SELECT FROM onceover.records WHERE key = $1 FOR UPDATE", [first.key]);
    await expect(store.acquire(asking({ key: first.key }))).rejects.toMatchObject({ code: "store-unavailable" });
    // The learned clock is never early, and may be late by what the network and the event loop took.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await somebodyWaits();
    await other.query("COMMIT");
    await until("the statement is over", async () => {
      const { rows } = await admin.query(
        "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '-- onceover%'",
      );
      return rows.length === 0;
    });
    expect(await store.read(first.key)).toEqual({ outcome: "none" });
    await other.end();
  });

  it("expired while its acquire waited is judged by the clock after the wait", async () => {
    const store = open();
    const first = asking();
    await store.acquire({ ...first, leaseMs: 400, retentionMs: DAY_MS });
    await new Promise((resolve) => setTimeout(resolve, 420));
    const other = await transaction();
    await other.query("SELECT FROM onceover.records WHERE key = $1 FOR UPDATE", [first.key]);
    const taken = store.acquire(asking({ key: first.key, token: newToken(), takeOver: true, leaseMs: 60_000 }));
    await somebodyWaits();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await other.query("COMMIT");
    expect(await taken).toMatchObject({ outcome: "acquired", attempt: 2 });
    const found = await store.read(first.key);
    expect(found.outcome === "running" && found.leaseLeftMs).toBeGreaterThan(59_700);
    await other.end();
  });
});
