import { readFileSync } from "node:fs";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import type { Pool, PoolConfig } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrate, postgresStore } from "../src/index.js";
import { migration1 } from "../src/sql/migration-1.js";
import { migration2 } from "../src/sql/migration-2.js";
import { findingsOf } from "../src/verify.js";
import { asking, connect, newSchema } from "./pools.js";

let server: PostgresServer;
let pool: Pool;
beforeAll(async () => {
  server = await startPostgres({ settings: { wal_level: "replica" } });
  pool = connect(server.url);
});
afterAll(async () => {
  await pool.end();
  await server.stop();
});

/** The settings that a store finds fault with, and that each finding says something. */
async function faults(schema: string, options: PoolConfig = {}): Promise<string[]> {
  const own = connect(server.url, options);
  const store = postgresStore({ pool: own, schema });
  const { tier, findings } = await store.verify();
  await store.close();
  await own.end();
  expect(tier).toBe("T3");
  for (const { problem, mend } of findings) expect(`${problem}|${mend}`).toMatch(/\w.*\|.*\w/);
  return findings.map(({ setting }) => setting);
}

async function migrated(): Promise<string> {
  const schema = newSchema();
  await migrate(pool, { schema });
  return schema;
}

/** Changes settings of the server for as long as `work` takes. */
async function withSettings(settings: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> {
  for (const [name, value] of Object.entries(settings)) await pool.query(`ALTER SYSTEM SET ${name} = ${value}`);
  try {
    await reload();
    await work();
  } finally {
    for (const name of Object.keys(settings)) await pool.query(`ALTER SYSTEM RESET ${name}`);
    await reload();
  }
}

async function reload(): Promise<void> {
  const before = await pool.query("SELECT pg_conf_load_time() AS at, pg_reload_conf()");
  const at = Number(before.rows[0]?.at);
  await expect
    .poll(async () => Number((await pool.query("SELECT pg_conf_load_time() AS at")).rows[0]?.at), { timeout: 20_000 })
    .toBeGreaterThan(at);
}

describe("verify() finds", () => {
  it("nothing wrong with a server as it is shipped", async () => {
    expect(await faults(await migrated())).toEqual([]);
  });

  it.each([
    ["synchronous_commit", { synchronous_commit: "off" }],
    ["full_page_writes", { full_page_writes: "off" }],
  ])("%s, turned off", async (setting, settings) => {
    const schema = await migrated();
    await withSettings(settings, async () => expect(await faults(schema)).toEqual([setting]));
    expect(await faults(schema)).toEqual([]);
  });

  it("fsync, turned off on the command line", async () => {
    const reckless = await startPostgres({ settings: { fsync: "off" } });
    const own = connect(reckless.url);
    await migrate(own);
    const { findings } = await postgresStore({ pool: own }).verify();
    expect(findings.map(({ setting }) => setting)).toEqual(["fsync"]);
    await own.end();
    await reckless.stop();
  });

  it("synchronous_commit local where there are standbys to wait for, and not where there are none", async () => {
    const schema = await migrated();
    const options = { options: "-c synchronous_commit=local" };
    expect(await faults(schema, options)).toEqual([]);
    const standbys = "'one'";
    // The session that changes it back must not wait for a standby that is not there.
    await pool.query("ALTER ROLE postgres SET synchronous_commit = local");
    await withSettings({ synchronous_standby_names: standbys }, async () => {
      expect(await faults(schema, options)).toEqual(["synchronous_commit"]);
    });
    await pool.query("ALTER ROLE postgres RESET synchronous_commit");
  });

  it("transactions that are read only", async () => {
    const options = { options: "-c default_transaction_read_only=on" };
    expect(await faults(await migrated(), options)).toEqual(["default_transaction_read_only"]);
  });

  it("a table that is missing, that is no migration's, or that a crash would empty", async () => {
    expect(await faults("nowhere")).toEqual(["schema"]);
    const schema = await migrated();
    await pool.query(`ALTER TABLE "${schema}".records SET UNLOGGED`);
    expect(await faults(schema)).toEqual(["UNLOGGED"]);
    await pool.query(`COMMENT ON TABLE "${schema}".records IS NULL`);
    expect(await faults(schema)).toEqual(["schema", "UNLOGGED"]);
  });

  it("a role that may not write, and none with one that may do no more than that", async () => {
    const schema = await migrated();
    await pool.query("CREATE ROLE app LOGIN");
    expect(await faults(schema, { user: "app", connectionString: server.url.replace("postgres@", "app@") })).toEqual([
      "GRANT",
    ]);
    await pool.query(`GRANT USAGE ON SCHEMA "${schema}" TO app`);
    await pool.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON "${schema}".records TO app`);
    const own = connect(server.url.replace("postgres@", "app@"));
    const store = postgresStore({ pool: own, schema });
    expect((await store.verify()).findings).toEqual([]);
    const request = asking();
    expect(await store.acquire(request)).toMatchObject({ outcome: "acquired" });
    expect(await store.forget(request.key)).toBe("ok");
    await migrate(own, { schema });
    await store.close();
    await own.end();
  });

  it("an old version and a replica, in what a server says of itself", () => {
    const fine = { version: "130000", recovering: "false", read_only: "off", migrated: "onceover 1", persistence: "p" };
    expect(findingsOf(fine).findings).toEqual([]);
    expect(findingsOf({ ...fine, version: "120021" }).findings.map(({ setting }) => setting)).toEqual([
      "server_version",
    ]);
    const replica = { ...fine, recovering: "true", read_only: "on" };
    expect(findingsOf(replica).findings.map(({ setting }) => setting)).toEqual(["hot_standby"]);
  });
});

describe("migrate()", () => {
  it("ten times at once, over pools of their own, makes one schema and rejects nowhere", async () => {
    const schema = newSchema();
    const pools = Array.from({ length: 10 }, () => connect(server.url, { max: 1 }));
    await Promise.all(pools.map((own) => own.query("SELECT 1")));
    await Promise.all(pools.map((own) => migrate(own, { schema })));
    expect(await faults(schema)).toEqual([]);
    await Promise.all(pools.map((own) => own.end()));
  });

  it("again changes nothing, and leaves a later version alone", async () => {
    const schema = await migrated();
    const store = postgresStore({ pool, schema });
    const request = asking();
    await store.acquire(request);
    await migrate(pool, { schema });
    await pool.query(`COMMENT ON TABLE "${schema}".records IS 'onceover 7'`);
    await migrate(pool, { schema });
    expect(await faults(schema)).toEqual([]);
    expect(await store.read(request.key)).toMatchObject({ outcome: "running" });
    await store.close();
  });

  it("that fails leaves nothing behind, and gives its connection back", async () => {
    const schema = newSchema();
    const own = connect(server.url, { max: 1 });
    await own.query(`CREATE SCHEMA "${schema}"`);
    await own.query(`CREATE TABLE "${schema}".records_expires_at ()`);
    await expect(migrate(own, { schema })).rejects.toMatchObject({ code: "42P07" });
    await own.query(`DROP TABLE "${schema}".records_expires_at`);
    await migrate(own, { schema });
    expect(await faults(schema)).toEqual([]);
    await own.end();
  });

  it("runs the SQL that the README gives to those who have a tool of their own", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    for (const migration of [migration1, migration2]) {
      expect(readme).toContain(`\`\`\`sql\n${migration("onceover")}\`\`\``);
    }
  });
});

describe("options are checked at creation", () => {
  it.each(["", "1st", "Once", "a-b", 'a"; DROP TABLE x; --', "pg_once", "x".repeat(64), "a.b", "ä", "a\n"])(
    "schema %j is refused, by the store and by migrate()",
    async (schema) => {
      const rule = `schema must be at most 63 characters of [a-z0-9_], not beginning with a digit or pg_, got ${JSON.stringify(schema)}`;
      expect(() => postgresStore({ pool, schema })).toThrow(new TypeError(rule));
      await expect(migrate(pool, { schema })).rejects.toThrow(new TypeError(rule));
    },
  );

  it.each([0, -1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY])("timeoutMs %s is refused", (timeoutMs) => {
    const rule = `timeoutMs must be a positive number of milliseconds below 2^31, got ${timeoutMs}`;
    expect(() => postgresStore({ pool, timeoutMs })).toThrow(new TypeError(rule));
  });

  it("a pool that is none is refused", () => {
    for (const none of [undefined, {}, { connect() {} }]) {
      expect(() => postgresStore({ pool: none as unknown as Pool })).toThrow("pool must be a Pool of pg");
    }
  });
});
