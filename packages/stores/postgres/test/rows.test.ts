import type { OwnerToken, Store, StoreKey } from "@onceover/core";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import type { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { migrate, postgresStore } from "../src/index.js";
import { startSweeper } from "../src/sweeper.js";
import { counting } from "./counting-client.js";
import { asking, connect, newKey, newToken, scopeOf } from "./pools.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");

let server: PostgresServer;
let pool: Pool;
let store: Store;
beforeAll(async () => {
  server = await startPostgres();
  pool = connect(server.url);
  await migrate(pool);
  store = postgresStore({ pool });
});
afterAll(async () => {
  await store.close();
  await pool.end();
  await server.stop();
});

const rowOf = async (key: StoreKey) =>
  (await pool.query("SELECT * FROM onceover.records WHERE key = $1", [key])).rows[0] as Record<string, unknown>;

describe("the row, golden", () => {
  const key = "golden-key-golden-key-golden-key-golden-key" as StoreKey;
  const token = "golden-token" as OwnerToken;

  it("of a running record", async () => {
    const before = Date.now();
    await store.acquire(asking({ key, token, leaseMs: 60_000, retentionMs: DAY_MS }));
    const { fence, lease_ends_at, expires_at, ...rest } = await rowOf(key);
    expect(rest).toEqual({
      key: "golden-key-golden-key-golden-key-golden-key",
      version: 1,
      state: "running",
      token: "golden-token",
      attempt: 1,
      fingerprint: "t1:request",
      watched: false,
      record: null,
    });
    expect(Math.abs(Number(fence) - before)).toBeLessThan(10_000);
    expect(Number(expires_at) - Number(lease_ends_at)).toBe(DAY_MS - 60_000);
  });

  it("of a done record, and of an abandoned one", async () => {
    await store.complete(key, token, RECORD, DAY_MS);
    expect(await rowOf(key)).toMatchObject({ state: "done", token: "golden-token", record: Buffer.from(RECORD) });
    const other = asking();
    await store.acquire(other);
    await store.abandon(other.key, other.token);
    expect(await rowOf(other.key)).toMatchObject({ state: "abandoned", attempt: 1, record: null });
  });
});

describe("a row of another version", () => {
  it.each(["running", "done", "abandoned", "state-to-come"])(
    "%s, live or expired, is unreadable to every verb, swept by none, and left as it is until it is forgotten",
    async (state) => {
      for (const expires of ["1 day", "-1 day"]) {
        const { key, token } = asking();
        const insert = () =>
          pool.query(
            `INSERT INTO onceover.records
              VALUES ($1, 2, $2, $3, 1, 1, 't1:request', now() - interval '1 hour', now() + $4::interval, true)`,
            [key, state, token, expires],
          );
        await insert();
        const before = await rowOf(key);
        const calls = [
          () => store.acquire(asking({ key, token, takeOver: true })),
          () => store.acquire(asking({ key, token: newToken() })),
          () => store.renew(key, token, 1000),
          () => store.complete(key, token, RECORD, DAY_MS),
          () => store.abandon(key, token),
          () => store.read(key),
          () => store.watch?.(key, () => undefined) ?? Promise.resolve(),
        ];
        for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "record-unreadable" });
        await sweepOnce();
        expect(await rowOf(key)).toEqual(before);
        if (state === "running") await expect(store.unknowns()).rejects.toMatchObject({ code: "record-unreadable" });
        expect(await store.forget(key)).toBe("ok");
        expect(await rowOf(key)).toBeUndefined();
        await insert();
        expect(await store.forgetScope(scopeOf(key))).toEqual({ forgotten: 1 });
        expect(await rowOf(key)).toBeUndefined();
      }
    },
  );
});

/** Lets a store's own sweeper sweep, and waits until the statement was answered. */
async function sweepOnce(): Promise<void> {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const answered: string[] = [];
  const own = connect(server.url, { Client: counting(answered) });
  const sweeping = postgresStore({ pool: own });
  try {
    vi.advanceTimersByTime(30_000);
    await vi.waitUntil(() => answered.filter((name) => name === "sweep").length > 0, { timeout: 20_000 });
    await vi.waitUntil(() => own.idleCount === own.totalCount && own.totalCount > 0, { timeout: 20_000 });
  } finally {
    vi.useRealTimers();
    await sweeping.close();
    await own.end();
  }
}

describe("statements", () => {
  it("each verb is one, unnamed, outside any transaction: first run 2, replay 1", async () => {
    const sent: string[] = [];
    const own = connect(server.url, { Client: counting(sent) });
    const counted = postgresStore({ pool: own });
    const { key, token } = asking();
    const taking = async (call: Promise<unknown>) => {
      await call;
      return sent.splice(0);
    };
    expect(await taking(counted.acquire(asking({ key, token })))).toEqual(["acquire"]);
    expect(await taking(counted.renew(key, token, 60_000))).toEqual(["renew"]);
    expect(await taking(counted.complete(key, token, RECORD, DAY_MS))).toEqual(["complete"]);
    expect(await taking(counted.acquire(asking({ key })))).toEqual(["acquire"]);
    expect(await taking(counted.read(key))).toEqual(["read"]);
    expect(await taking(counted.unknowns())).toEqual(["unknowns"]);
    expect(await taking(counted.forget(key))).toEqual(["forget"]);
    expect(await taking(counted.forgetScope(scopeOf(key)))).toEqual(["forgetScope"]);
    expect(await taking(counted.abandon(key, token))).toEqual(["abandon"]);
    expect(await taking(counted.verify())).toEqual(["settings"]);
    await counted.close();
    await own.end();
  });

  it("nothing is left on a session: a run's life is the same with a session for each statement, as behind a pooler", async () => {
    const own = connect(server.url, { maxUses: 1 });
    let sessions = 0;
    own.on("connect", () => {
      sessions++;
    });
    const pooled = postgresStore({ pool: own });
    const [first, second] = [asking({ leaseMs: 1 }), asking()];
    expect(await pooled.acquire(first)).toMatchObject({ outcome: "acquired", attempt: 1 });
    expect(await pooled.renew(first.key, first.token, 1)).toBe("ok");
    await vi.waitUntil(async () => (await pooled.read(first.key)).outcome === "unknown");
    const heir = { ...second, key: first.key, takeOver: true } as const;
    expect(await pooled.acquire(heir)).toMatchObject({ outcome: "acquired", attempt: 2 });
    expect(await pooled.acquire(heir)).toMatchObject({ outcome: "acquired", attempt: 2 });
    expect(await pooled.complete(first.key, first.token, RECORD, DAY_MS)).toBe("stale");
    expect(await pooled.complete(heir.key, heir.token, RECORD, DAY_MS)).toBe("ok");
    expect(await pooled.acquire(asking({ key: first.key }))).toEqual({ outcome: "done", record: RECORD });
    expect(await pooled.forget(first.key)).toBe("ok");
    expect(sessions).toBeGreaterThanOrEqual(9);
    await pooled.close();
    await own.end();
  });

  it("a replay, and an acquire of what is running elsewhere, write nothing", async () => {
    const done = asking();
    const running = asking();
    for (const request of [done, running]) await store.acquire(request);
    await store.complete(done.key, done.token, RECORD, DAY_MS);
    const written = async () =>
      (
        await pool.query("SELECT key, xmin::text, xmax::text, ctid::text FROM onceover.records WHERE key = ANY ($1)", [
          [done.key, running.key],
        ])
      ).rows;
    const before = await written();
    for (const { key } of [done, running]) {
      await store.acquire(asking({ key }));
      await store.acquire(asking({ key, takeOver: true }));
      await store.read(key);
    }
    expect(await written()).toEqual(before);
  });

  it("a record is found by an index, by every verb that names its key", async () => {
    await pool.query(`INSERT INTO onceover.records SELECT lpad(n::text, 43, 'p'), 1, 'done', 't', 1, 1, 'f', now(),
      now() + interval '1 day', false, 'x' FROM generate_series(1, 20000) AS n`);
    await pool.query("ANALYZE onceover.records");
    const scans = async () =>
      Number(
        (await pool.query("SELECT seq_scan FROM pg_stat_all_tables WHERE relid = 'onceover.records'::regclass")).rows[0]
          ?.seq_scan,
      );
    const own = connect(server.url, { max: 1 });
    const indexed = postgresStore({ pool: own });
    await pool.query("SELECT pg_stat_force_next_flush()");
    const before = await scans();
    const { key, token } = asking();
    await indexed.acquire(asking({ key, token }));
    await indexed.renew(key, token, 1000);
    await indexed.complete(key, token, RECORD, DAY_MS);
    await indexed.acquire(asking({ key }));
    await indexed.read(key);
    await indexed.forget(key);
    await indexed.forgetScope(scopeOf(key));
    await indexed.unknowns();
    await own.query("SELECT pg_stat_force_next_flush()");
    await indexed.close();
    await own.end();
    expect(await scans()).toBe(before);
    await pool.query("DELETE FROM onceover.records WHERE token = 't'");
  });

  it("unknowns() and forgetScope() refuse a cursor that they did not give", async () => {
    const cursor = "'; DROP TABLE onceover.records; --";
    await expect(store.unknowns(cursor)).rejects.toThrow("cursor must be one that unknowns() gave");
    await expect(store.forgetScope(scopeOf(newKey()), cursor)).rejects.toThrow(
      new TypeError(`cursor must be one that forgetScope() gave, got ${JSON.stringify(cursor)}`),
    );
  });
});

describe("the sweep", () => {
  it("deletes expired records, whatever their state, and no other", async () => {
    const [expired, live] = [[asking(), asking(), asking()], asking()] as const;
    for (const request of [...expired, live]) await store.acquire(request);
    await store.complete(expired[1].key, expired[1].token, RECORD, DAY_MS);
    await store.abandon(expired[2].key, expired[2].token);
    const keys = expired.map(({ key }) => key);
    await pool.query("UPDATE onceover.records SET expires_at = now() - interval '1 ms' WHERE key = ANY ($1)", [keys]);
    await sweepOnce();
    const { rows } = await pool.query("SELECT key FROM onceover.records WHERE key = ANY ($1)", [[...keys, live.key]]);
    expect(rows).toEqual([{ key: live.key }]);
  });

  it("passes over a row that somebody is at, and waits for nobody", async () => {
    const request = asking();
    await store.acquire(request);
    await pool.query("UPDATE onceover.records SET expires_at = now() WHERE key = $1", [request.key]);
    const other = await pool.connect();
    await other.query("BEGIN");
    await other.query("SELECT FROM onceover.records WHERE key = $1 FOR UPDATE", [request.key]);
    await sweepOnce();
    expect(await rowOf(request.key)).toBeDefined();
    await other.query("ROLLBACK");
    other.release();
    await sweepOnce();
    expect(await rowOf(request.key)).toBeUndefined();
  });

  it("goes on batch after batch while they are full, stops when it is told to, and survives a batch that fails", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const answers = [500, 500, 3, new Error("down"), 0];
    const sizes: number[] = [];
    const stop = startSweeper(async (size) => {
      sizes.push(size);
      const answer = answers.shift() ?? 0;
      if (answer instanceof Error) throw answer;
      return answer;
    }, 1000);
    const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
    vi.advanceTimersByTime(1000);
    await turn();
    expect(sizes).toEqual([500, 500, 500]);
    for (let again = 0; again < 2; again++) {
      vi.advanceTimersByTime(1000);
      await turn();
    }
    expect(sizes).toHaveLength(5);
    stop();
    vi.advanceTimersByTime(5000);
    await turn();
    vi.useRealTimers();
    expect(sizes).toHaveLength(5);
  });

  it("is ended by close(), with everything else that the store started", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const own = connect(server.url);
    const closing = postgresStore({ pool: own });
    expect(vi.getTimerCount()).toBe(1);
    await closing.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    await own.end();
  });
});

it("a fence is above the one before, also where the server's clock was set back", async () => {
  const request = asking({ key: newKey() });
  await store.acquire(request);
  const future = Date.now() + 1_000_000;
  await pool.query("UPDATE onceover.records SET fence = $2 WHERE key = $1", [request.key, future]);
  await store.abandon(request.key, request.token);
  expect(await store.acquire(asking({ key: request.key }))).toMatchObject({ fence: future + 1, attempt: 2 });
});
