import { describeRegistry } from "@onceover/conformance";
import type { RevisionRegistry } from "@onceover/core/revisions";
import { type Pgbouncer, startPgbouncer } from "@onceover/test/pgbouncer";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import { startTcpProxy } from "@onceover/test/tcp-proxy";
import { until } from "@onceover/test/wait";
import type { Pool, PoolConfig } from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { migrate, postgresRegistry, postgresStore } from "../src/index.js";
import { migration1 } from "../src/sql/migration-1.js";
import { counting } from "./counting-client.js";
import { connect, newKey, newSchema } from "./pools.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

let server: PostgresServer;
let pooler: Pgbouncer;
let pool: Pool;
beforeAll(async () => {
  server = await startPostgres();
  pooler = await startPgbouncer(server.port);
  pool = connect(server.url);
  await migrate(pool);
});
afterAll(async () => {
  await pool.end();
  await pooler.stop();
  await server.stop();
});

/** Registries on one table, with a pool of their own each, all closed at the end of a case. */
async function opener(url: string, options: PoolConfig = {}, timeoutMs = 10_000) {
  const opened: { readonly pool: Pool; readonly registry: RevisionRegistry }[] = [];
  const schema = newSchema();
  const open = async () => {
    const own = connect(url, options);
    await migrate(own, { schema });
    const registry = postgresRegistry({ pool: own, schema, timeoutMs });
    opened.push({ pool: own, registry });
    return registry;
  };
  const close = async () => {
    for (const { pool: own, registry } of opened.splice(0)) {
      await registry.close();
      await own.end();
    }
  };
  return { registry: await open(), second: open, close };
}

/** Behind a proxy, so that the server can be taken away from one case. */
async function openBreakable() {
  const proxy = await startTcpProxy(server.port);
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
  const registries = await opener(url, { connectionTimeoutMillis: 300 }, 300);
  return {
    ...registries,
    breakDown: async () => proxy.hang(),
    async close() {
      proxy.heal();
      await registries.close();
      await proxy.close();
    },
  };
}

describeRegistry("postgres, a pool as pg makes it", { open: () => opener(server.url), openBreakable });

const ONE_CONNECTION = { max: 1, binary: true, options: "-c default_transaction_isolation=serializable" };
describeRegistry("postgres, one connection, in binary mode, serializable", {
  open: () => opener(server.url, ONE_CONNECTION),
});

describeRegistry("postgres, through PgBouncer in transaction mode", { open: () => opener(pooler.url) });

const textsOf = async (registry: RevisionRegistry, service: string) =>
  Object.fromEntries((await registry.list(service)).map(({ id, text }) => [id, text]));

describe("postgresRegistry()", () => {
  it("each verb is one statement, unnamed, and nothing is left on a session", async () => {
    const sent: string[] = [];
    const own = connect(server.url, { Client: counting(sent), maxUses: 1 });
    const registry = postgresRegistry({ pool: own, timeoutMs: 10_000 });
    const service = newKey();
    await registry.write(service, "r1", "text", DAY_MS);
    await registry.count(service, "epoch", DAY_MS);
    await registry.list(service);
    await registry.remove(service, "r1");
    expect(sent).toEqual(["writeRevision", "countRevision", "listRevisions", "removeRevision"]);
    await registry.close();
    await own.end();
  });

  it("golden: the row of a text", async () => {
    const registry = postgresRegistry({ pool });
    const service = newKey();
    await registry.write(service, "r42", "text", DAY_MS);
    const { rows } = await pool.query(
      `SELECT service, id, version, text, first_at = last_at AS once, expires_at - last_at = interval '1 day' AS day
        FROM onceover.revisions WHERE service = $1`,
      [service],
    );
    expect(rows).toEqual([{ service, id: "r42", version: 1, text: "text", once: true, day: true }]);
    await registry.close();
  });

  it("one row of another version fails closed: no list, no write over it, no count; the way out is remove()", async () => {
    const registry = postgresRegistry({ pool });
    const service = newKey();
    for (const id of ["r1", "r2"]) await registry.write(service, id, "text", DAY_MS);
    await pool.query(
      "UPDATE onceover.revisions SET version = 2, expires_at = now() - interval '1 day' WHERE service = $1 AND id = 'r2'",
      [service],
    );
    const calls = [
      () => registry.list(service),
      () => registry.write(service, "r2", "text", DAY_MS),
      () => registry.count(service, "r2", DAY_MS),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        code: "store-unavailable",
        message: expect.stringContaining("cannot read"),
      });
    }
    expect(await registry.remove(service, "r2")).toBe("ok");
    expect(await textsOf(registry, service)).toEqual({ r1: "text" });
    await registry.close();
  });

  it("where the server's clock was set back, no age is negative, and the next write begins anew", async () => {
    const registry = postgresRegistry({ pool });
    const service = newKey();
    await registry.write(service, "r1", "text", 2 * HOUR_MS);
    await pool.query(
      `UPDATE onceover.revisions SET first_at = first_at + interval '1 hour', last_at = last_at + interval '1 hour'
        WHERE service = $1`,
      [service],
    );
    expect(await registry.list(service)).toEqual([{ id: "r1", text: "text", ageMs: 0, sinceMs: 0 }]);
    await registry.write(service, "r1", "text", 2 * HOUR_MS);
    const { rows } = await pool.query("SELECT first_at = last_at AS anew FROM onceover.revisions WHERE service = $1", [
      service,
    ]);
    expect(rows).toEqual([{ anew: true }]);
    await registry.close();
  });

  it("a write that waited for another transaction's row counts from what that one left", async () => {
    const registry = postgresRegistry({ pool, timeoutMs: 20_000 });
    const service = newKey();
    await registry.write(service, "epoch", "5", DAY_MS);
    const other = await pool.connect();
    await other.query("BEGIN");
    await other.query("UPDATE onceover.revisions SET text = '41' WHERE service = $1", [service]);
    const counted = registry.count(service, "epoch", DAY_MS);
    await until("the count waits", async () => {
      const { rows } = await pool.query(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '-- onceover countRevision%'",
      );
      return rows.length > 0;
    });
    await other.query("COMMIT");
    other.release();
    expect(await counted).toBe(42);
    await registry.close();
  });

  it("a table that is missing is store-unavailable, with what to do in the message", async () => {
    const registry = postgresRegistry({ pool, schema: "nowhere" });
    await expect(registry.list(newKey())).rejects.toMatchObject({
      code: "store-unavailable",
      message: expect.stringContaining("migrate()"),
    });
    await registry.close();
  });

  it.each([
    [{ pool: {} }, "pool must be a Pool of pg"],
    [
      { schema: "a-b" },
      'schema must be at most 63 characters of [a-z0-9_], not beginning with a digit or pg_, got "a-b"',
    ],
    [{ timeoutMs: 0 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 0"],
  ])("refuses %j and says why", (over, message) => {
    expect(() => postgresRegistry({ pool, ...over } as never)).toThrow(new TypeError(message));
  });
});

describe("the sweep of announcements", () => {
  /** Lets a registry of its own sweep, and waits until the statement was answered. */
  async function sweepOnce(): Promise<void> {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const sent: string[] = [];
    const own = connect(server.url, { Client: counting(sent) });
    const registry = postgresRegistry({ pool: own, timeoutMs: 10_000 });
    try {
      vi.advanceTimersByTime(30_000);
      await vi.waitUntil(() => sent.includes("sweepRevisions"), { timeout: 20_000 });
      await vi.waitUntil(() => own.idleCount === own.totalCount && own.totalCount > 0, { timeout: 20_000 });
      await registry.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
      await own.end();
    }
  }

  it("deletes rows that are kept no longer, no other, and passes over one that somebody is at", async () => {
    const registry = postgresRegistry({ pool });
    const service = newKey();
    for (const id of ["ended", "held", "kept", "later"]) await registry.write(service, id, "text", DAY_MS);
    await pool.query("UPDATE onceover.revisions SET version = 2 WHERE service = $1 AND id = 'later'", [service]);
    await pool.query("UPDATE onceover.revisions SET expires_at = now() WHERE service = $1 AND id <> 'kept'", [service]);
    const other = await pool.connect();
    await other.query("BEGIN");
    await other.query("SELECT FROM onceover.revisions WHERE service = $1 AND id = 'held' FOR UPDATE", [service]);
    await sweepOnce();
    await other.query("ROLLBACK");
    other.release();
    const ids = async () => {
      const { rows } = await pool.query("SELECT id FROM onceover.revisions WHERE service = $1 ORDER BY id", [service]);
      return rows.map(({ id }: { readonly id: string }) => id);
    };
    expect(await ids()).toEqual(["held", "kept", "later"]);
    await sweepOnce();
    expect(await ids()).toEqual(["kept", "later"]);
    await registry.close();
  });
});

describe("migrate()", () => {
  it("brings a schema of the first version up to date, ten times at once, and leaves its records as they are", async () => {
    const schema = newSchema();
    await pool.query(migration1(schema));
    await pool.query(`INSERT INTO "${schema}".records VALUES ('k', 1, 'running', 't', 1, 1, 'f', now(), now(), false)`);
    const pools = Array.from({ length: 10 }, () => connect(server.url, { max: 1 }));
    await Promise.all(pools.map((own) => migrate(own, { schema })));
    const registry = postgresRegistry({ pool, schema });
    const service = newKey();
    await registry.write(service, "r1", "text", DAY_MS);
    await migrate(pool, { schema });
    expect(await textsOf(registry, service)).toEqual({ r1: "text" });
    const { rows } = await pool.query(
      `SELECT key, obj_description('"${schema}".records'::regclass, 'pg_class') AS version FROM "${schema}".records`,
    );
    expect(rows).toEqual([{ key: "k", version: "onceover 2" }]);
    await registry.close();
    await Promise.all(pools.map((own) => own.end()));
  });

  it("need not have been run again where there is no registry: the store finds no fault with the first version", async () => {
    const schema = newSchema();
    await pool.query(migration1(schema));
    const store = postgresStore({ pool, schema });
    expect((await store.verify()).findings).toEqual([]);
    await store.close();
  });
});

it("a replica lists nothing and writes nothing", async () => {
  const replica = await startPostgres();
  const own = connect(replica.url);
  await migrate(own);
  const registry = postgresRegistry({ pool: own, timeoutMs: 10_000 });
  const service = newKey();
  await registry.write(service, "r1", "text", DAY_MS);
  await replica.restartAsStandby();
  const calls = [
    () => registry.list(service),
    () => registry.list(newKey()),
    () => registry.write(service, "r1", "text", DAY_MS),
    () => registry.count(service, "epoch", DAY_MS),
    () => registry.remove(service, "r1"),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "store-unavailable" });
  await registry.close();
  await own.end();
  await replica.stop();
});
