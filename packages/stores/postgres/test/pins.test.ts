import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import { startTcpProxy } from "@onceover/test/tcp-proxy";
import { until } from "@onceover/test/wait";
import type { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgresPins } from "../src/index.js";
import { connect } from "./pools.js";

let server: PostgresServer;
let pool: Pool;
beforeAll(async () => {
  server = await startPostgres();
  pool = connect(server.url);
  await pool.query("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, name text)");
});
afterAll(async () => {
  await pool.end();
  await server.stop();
});

const reading = (sql: string, own = pool) => postgresPins({ pool: own, sql, timeoutMs: 10_000 })();

describe("postgresPins()", () => {
  it("reads a migrations table, as it stands at each call", async () => {
    const read = postgresPins({ pool, sql: "select max(version) as schema_rev from schema_migrations" });
    expect(await read()).toEqual({ schemaRev: null });
    await pool.query("INSERT INTO schema_migrations VALUES (11, 'a'), (12, 'b')");
    expect(await read()).toEqual({ schemaRev: "12" });
    await pool.query("INSERT INTO schema_migrations VALUES (13, 'c')");
    expect(await read()).toEqual({ schemaRev: "13" });
  });

  it("understands the three pins in both spellings, and leaves other names as they are", async () => {
    const three = { schemaRev: 12, indexHash: "abc", modelTag: "e5" };
    expect(await reading(`SELECT 12 AS "schemaRev", 'abc' AS "indexHash", 'e5' AS "modelTag"`)).toEqual(three);
    expect(await reading("SELECT 12 AS schema_rev, 'abc' AS index_hash, 'e5' AS model_tag")).toEqual(three);
    expect(await reading(`SELECT 1 AS tokenizer_rev, true AS "isSharded"`)).toEqual({
      tokenizer_rev: 1,
      isSharded: true,
    });
    const odd = await reading(`SELECT 1 AS "__proto__", 2 AS constructor`);
    expect(Object.entries(odd)).toEqual([
      ["__proto__", 1],
      ["constructor", 2],
    ]);
  });

  it("hands values on as pg gives them: a bigint as text, whatever type parsers the pool has", async () => {
    expect(await reading("SELECT 9007199254740993::bigint AS schema_rev")).toEqual({ schemaRev: "9007199254740993" });
    const types = { getTypeParser: () => (value: string | Buffer) => `<${String(value)}>` };
    const own = connect(server.url, { types } as never);
    expect(await reading("SELECT 12 AS schema_rev", own)).toEqual({ schemaRev: "<12>" });
    await own.end();
  });

  it.each([
    ["SELECT 1 AS schema_rev WHERE false", "the pins' sql must answer exactly one row, got 0"],
    ["SELECT generate_series(1, 2) AS schema_rev", "the pins' sql must answer exactly one row, got 2"],
    ["SELECT 1 AS schema_rev; SELECT 2 AS schema_rev", "the pins' sql must be one statement, got 2"],
    [
      `SELECT 1 AS schema_rev, 2 AS "schemaRev"`,
      "the pins' sql must name each column differently, got schemaRev twice",
    ],
    ["SELECT 1 AS rev, 2 AS rev", "the pins' sql must name each column differently, got rev twice"],
  ])("%s rejects and says why", async (sql, message) => {
    await expect(reading(sql)).rejects.toThrow(new Error(message));
  });

  it("rejects with what Postgres says, as store-unavailable, and reads again when it is mended", async () => {
    const read = postgresPins({ pool, sql: "SELECT rev AS schema_rev FROM not_yet", timeoutMs: 10_000 });
    await expect(read()).rejects.toMatchObject({
      code: "store-unavailable",
      message: 'the pins could not be read from Postgres: relation "not_yet" does not exist',
      cause: { code: "42P01" },
    });
    await pool.query("CREATE TABLE not_yet AS SELECT 7 AS rev");
    expect(await read()).toEqual({ schemaRev: 7 });
  });

  it("rejects at its deadline where the server does not answer, and answers again when it does", async () => {
    const proxy = await startTcpProxy(server.port);
    const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
    const far = connect(url, { max: 1, connectionTimeoutMillis: 300 });
    const read = postgresPins({ pool: far, sql: "SELECT 12 AS schema_rev", timeoutMs: 300 });
    await until("it answers", () => read().then(Boolean, () => false));
    proxy.hang();
    await expect(read()).rejects.toMatchObject({ code: "store-unavailable" });
    proxy.heal();
    await until("it answers again", () => read().then(Boolean, () => false));
    await far.end();
    await proxy.close();
  });

  it("rejects at its deadline while the statement waits, and does not leave it the connection", async () => {
    const own = connect(server.url, { max: 1 });
    const read = postgresPins({ pool: own, sql: "SELECT 12 AS schema_rev, pg_sleep(20)", timeoutMs: 200 });
    await expect(read()).rejects.toMatchObject({ code: "store-unavailable" });
    expect(await reading("SELECT 12 AS schema_rev", own)).toEqual({ schemaRev: 12 });
    await own.end();
  });

  it.each([
    [{ pool: {} }, "pool must be a Pool of pg"],
    [{ sql: " " }, 'sql must be one statement that answers one row, got " "'],
    [{ sql: 5 }, "sql must be one statement that answers one row, got 5"],
    [{ timeoutMs: -1 }, "timeoutMs must be a positive number of milliseconds below 2^31, got -1"],
  ])("refuses %j and says why", (over, message) => {
    expect(() => postgresPins({ pool, sql: "SELECT 1", ...over } as never)).toThrow(new TypeError(message));
  });
});
