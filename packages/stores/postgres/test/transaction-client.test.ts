import { until } from "@onceover/test/wait";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { endOfTransaction } from "../src/statement-guard.js";
import { beginRun, rejection, usePostgresHouse } from "./transactions.js";

const given = usePostgresHouse();

describe("once.tx", () => {
  it("takes every way of querying that a client of pg takes", async () => {
    const { store } = given.house.open();
    const { tx, transaction } = await beginRun(store);
    const one = [{ one: 1 }];
    expect((await tx.query("SELECT 1 AS one")).rows).toEqual(one);
    expect((await tx.query("SELECT $1::int AS one", [1])).rows).toEqual(one);
    expect((await tx.query({ text: "SELECT $1::int AS one", values: [1] })).rows).toEqual(one);
    expect((await tx.query({ text: "SELECT $1::int AS one", rowMode: "array" }, [1])).rows).toEqual([[1]]);
    const called = await new Promise((resolve) => tx.query("SELECT 1 AS one", (_, result) => resolve(result.rows)));
    expect(called).toEqual(one);
    const calledWith = await new Promise((resolve) => {
      tx.query("SELECT $1::int AS one", [1], (_, result) => resolve(result.rows));
    });
    expect(calledWith).toEqual(one);
    const submitted = tx.query(new pg.Query("SELECT 1 AS one"));
    expect(await new Promise((resolve) => submitted.on("row", resolve))).toEqual({ one: 1 });
    expect(tx.escapeIdentifier('a"b')).toBe('"a""b"');
    await transaction.abandon();
  });

  it("is the client of nobody: what answers itself answers the guard, and giving it back does nothing", async () => {
    const { store, pool } = given.house.open({ max: 1 });
    const run = await beginRun(store);
    expect(run.tx.on("notice", () => undefined)).toBe(run.tx);
    run.tx.release();
    run.tx.release(true);
    await rejection(run.tx.end(), "misuse");
    expect(pool.idleCount).toBe(0);
    await run.pay();
    expect(await run.complete()).toBe("ok");
    expect(await given.house.effectsOf(run)).toBe(1);
  });

  it.each([
    "BEGIN",
    "begin isolation level serializable",
    "START TRANSACTION",
    "COMMIT",
    "commit and chain",
    "END",
    "ROLLBACK",
    "rollback work",
    "ABORT",
    "PREPARE TRANSACTION 'x'",
    "-- a comment\n  COMMIT",
    "SELECT 1; COMMIT",
    "INSERT INTO effects VALUES (';'); /* done */ commit",
  ])("refuses %j, naming SAVEPOINT, and the transaction goes on", async (text) => {
    const { store } = given.house.open();
    const run = await beginRun(store);
    await run.pay();
    await expect(run.tx.query(text)).rejects.toThrow(/refuses .*SAVEPOINT/s);
    await rejection(run.tx.query({ text }), "misuse");
    const called = await new Promise((resolve) => run.tx.query(text, (error) => resolve(error)));
    expect(called).toMatchObject({ code: "misuse" });
    const submitted = run.tx.query(new pg.Query(text));
    expect(await new Promise((resolve) => submitted.on("error", resolve))).toMatchObject({ code: "misuse" });
    expect(await run.complete()).toBe("ok");
    expect(await given.house.effectsOf(run)).toBe(1);
  });

  it.each([
    "SAVEPOINT a; ROLLBACK TO a",
    "SAVEPOINT a; rollback work to savepoint a; RELEASE SAVEPOINT a",
    "SELECT 'commit; COMMIT'",
    "SELECT E'it''s\\'; COMMIT; '",
    'SELECT 1 AS "commit; COMMIT"',
    "SELECT $$; COMMIT$$",
    "DO $body$ BEGIN PERFORM 1; END; $body$",
    "SELECT CASE WHEN true THEN 1 END",
    "PREPARE once_more AS SELECT 1",
    "SELECT 1 /* ; COMMIT */ -- ; COMMIT",
  ])("takes %j", async (text) => {
    const { store } = given.house.open();
    const run = await beginRun(store);
    await run.tx.query(text);
    await run.transaction.abandon();
  });

  it("reads a long statement of values in one pass", () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `('row ${i}; commit', "x", $1, 'it''s')`).join(",");
    expect(endOfTransaction(`INSERT INTO t VALUES ${rows}`)).toBeUndefined();
    expect(endOfTransaction(`INSERT INTO t VALUES ${rows}; end`)).toBe("END");
  });
});

describe("once.tx of a run that is over", () => {
  it.each(["complete", "abandon"] as const)(
    "after %s() reaches nothing of whoever has the connection then, however it is used",
    async (ending) => {
      const { store, pool } = given.house.open({ max: 1 });
      const first = await beginRun(store);
      const { tx } = first;
      const { query, on } = tx;
      const pid = (await tx.query("SELECT pg_backend_pid() AS pid")).rows[0]?.pid;
      await (ending === "complete" ? first.complete() : first.transaction.abandon());
      const second = await beginRun(store);
      expect((await second.tx.query("SELECT pg_backend_pid() AS pid")).rows[0]?.pid).toBe(pid);

      const insert = "INSERT INTO effects VALUES ('late')";
      await rejection(first.pay(), "misuse");
      await rejection(tx.query(insert), "misuse");
      await rejection(tx.query({ text: insert }), "misuse");
      await rejection(tx.query("ROLLBACK"), "misuse");
      await rejection(query(insert) as unknown as Promise<unknown>, "misuse");
      const called = await new Promise((resolve) => tx.query(insert, (error) => resolve(error)));
      expect(called).toMatchObject({ code: "misuse" });
      const submitted = tx.query(new pg.Query(insert));
      expect(await new Promise((resolve) => submitted.on("error", resolve))).toMatchObject({ code: "misuse" });
      expect(() => on("notice", () => undefined)).toThrow("after the transaction");
      for (const use of [() => tx.connection, () => tx.on, () => tx.setTypeParser])
        expect(use).toThrow("after the transaction");
      await rejection(tx.end(), "misuse");
      tx.release(true);

      await second.pay();
      expect(await second.complete()).toBe("ok");
      expect(await given.house.effectsOf(second)).toBe(1);
      expect((await pool.query("SELECT FROM effects WHERE key = 'late'")).rows).toEqual([]);
      expect(pool.totalCount).toBe(1);
    },
  );

  it("refuses a handler that goes on writing while its answer is recorded: all of it is there, or refused", async () => {
    const { store } = given.house.open({ max: 1 });
    for (let round = 0; round < 20; round++) {
      const run = await beginRun(store);
      const writing = write(run.tx, run.request.key);
      await new Promise((resolve) => setTimeout(resolve, round % 5));
      expect(await run.complete()).toBe("ok");
      const written = await writing;
      expect(await given.house.effectsOf(run)).toBe(written);
    }
  });

  it("is refused from the moment that complete() is called, before anything was answered", async () => {
    const { store } = given.house.open();
    const run = await beginRun(store);
    const completing = run.complete();
    await rejection(run.pay(), "misuse");
    expect(await completing).toBe("ok");
    expect(await given.house.effectsOf(run)).toBe(0);
  });

  it("can be awaited, looked at and thrown away", async () => {
    const { store } = given.house.open();
    const run = await beginRun(store);
    await run.complete();
    expect(await run.tx).toBe(run.tx);
    await until("it is over", async () => (await run.transaction.renew()) === "stale");
  });
});

/** Writes one effect after the other until it is refused; answers how many were written. */
async function write(tx: pg.PoolClient, key: string): Promise<number> {
  for (let written = 0; ; written++) {
    try {
      await tx.query("INSERT INTO effects VALUES ($1)", [key]);
    } catch (error) {
      expect(error).toMatchObject({ code: "misuse" });
      return written;
    }
  }
}
