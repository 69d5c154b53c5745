import { until } from "@onceover/test/wait";
import { describe, expect, it } from "vitest";
import { counting } from "./counting-client.js";
import { asking, connect, newSchema } from "./pools.js";
import { beginning, beginRun, rejection, usePostgresHouse } from "./transactions.js";

const given = usePostgresHouse();

describe("statements of a transaction", () => {
  it("a first run is two, acquire and complete, between BEGIN and COMMIT; a duplicate one, between BEGIN and ROLLBACK", async () => {
    const sent: string[] = [];
    const { store, pool } = given.house.open({ Client: counting(sent) });
    const taken = async () => {
      await until("the connection is back", () => pool.idleCount === pool.totalCount);
      return sent.splice(0);
    };
    const run = await beginRun(store);
    expect(sent.splice(0)).toEqual(["begin", "acquireWithin"]);
    await run.complete();
    expect(await taken()).toEqual(["completeWithin", "COMMIT"]);
    expect(await beginning(store, asking({ key: run.request.key }))).toMatchObject({ outcome: "done" });
    expect(await taken()).toEqual(["begin", "acquireWithin", "ROLLBACK"]);
    const abandoned = await beginRun(store);
    await abandoned.transaction.renew();
    await abandoned.transaction.abandon();
    expect(await taken()).toEqual(["begin", "acquireWithin", "keep", "ROLLBACK"]);
  });

  it("the row of a transaction is the row of the plain verbs", async () => {
    const { store } = given.house.open();
    const [plain, own] = [asking(), await beginRun(store)];
    await store.acquire(plain);
    await store.complete(plain.key, plain.token, new TextEncoder().encode("the answer"), 86_400_000);
    await own.complete();
    const rowOf = async (key: string) => {
      const { rows } = await given.house.admin.query(
        "SELECT version, state, attempt, fingerprint, watched, record, expires_at - now() > '23 hours' AS stays FROM onceover.records WHERE key = $1",
        [key],
      );
      return rows[0];
    };
    expect(await rowOf(own.request.key)).toEqual(await rowOf(plain.key));
  });

  it("the handler's statements have the session's own lock_timeout, the server ends what is idle for the lease, and both go with the transaction", async () => {
    const { store, pool } = given.house.open({ max: 1, lock_timeout: 7000 });
    const settings = `SELECT current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle`;
    const run = await beginRun(store, { leaseMs: 12_345 });
    expect((await run.tx.query(settings)).rows).toEqual([{ lock: "7s", idle: "12345ms" }]);
    await run.complete();
    expect((await pool.query(settings)).rows).toEqual([{ lock: "7s", idle: "0" }]);
  });

  it("its isolation is the one that the application's transactions have", async () => {
    for (const isolation of ["read committed", "serializable"]) {
      const { store } = given.house.open({
        options: `-c default_transaction_isolation=${isolation.replace(" ", "\\ ")}`,
      });
      const run = await beginRun(store);
      expect((await run.tx.query("SHOW transaction_isolation")).rows).toEqual([{ transaction_isolation: isolation }]);
      await run.transaction.abandon();
    }
  });

  it("whoever waits for a record is told when its transaction commits", async () => {
    const { store } = given.house.open();
    const first = asking({ leaseMs: 1 });
    await store.acquire(first);
    const told = new Promise<void>((resolve) => void store.watch?.(first.key, resolve));
    await until("it is watched", async () => {
      const { rows } = await given.house.admin.query("SELECT watched FROM onceover.records WHERE key = $1", [
        first.key,
      ]);
      return rows[0]?.watched === true;
    });
    const run = await beginRun(store, { key: first.key, takeOver: true });
    await run.complete();
    await told;
  });
});

describe("begin() that acquires nothing", () => {
  it("gives its connection back, with no transaction open on it", async () => {
    const { store, pool } = given.house.open({ max: 2 });
    const run = await beginRun(store);
    const held = await beginning(store, asking({ key: run.request.key }), 10);
    expect(held).toMatchObject({ outcome: "running" });
    await until("it is back", () => pool.idleCount === 1);
    expect((await pool.query("SELECT pg_current_xact_id_if_assigned() AS xid")).rows).toEqual([{ xid: null }]);
    await run.complete();
    for (let again = 0; again < 5; again++) {
      expect(await beginning(store, asking({ key: run.request.key }))).toMatchObject({ outcome: "done" });
    }
    await until("all are back", () => pool.idleCount === pool.totalCount && pool.waitingCount === 0);
  });

  it("because the pool has no connection left rejects in time, and leaves nothing when there is one", async () => {
    const { store, pool } = given.house.open({ max: 1 }, 300);
    const run = await beginRun(store);
    const other = asking();
    await rejection(beginning(store, other), "store-unavailable");
    await run.complete();
    await until("the connection is back", () => pool.idleCount === 1);
    expect(await store.read(other.key)).toEqual({ outcome: "none" });
  });

  it("because the server is paused rejects in time, and leaves nothing when it goes on", async () => {
    const { server, admin } = given.house;
    const { store, pool } = given.house.open({}, 300);
    await store.verify();
    const requests = Array.from({ length: 5 }, () => asking());
    await server.pause();
    await Promise.all(requests.map((request) => rejection(beginning(store, request), "store-unavailable")));
    await server.resume();
    await until("nothing of it goes on", async () => {
      const { rows } = await admin.query(
        "SELECT FROM pg_stat_activity WHERE state <> 'idle' AND query LIKE '-- onceover%'",
      );
      return rows.length === 0;
    });
    for (const { key } of requests) expect(await store.read(key)).toEqual({ outcome: "none" });
    await until("no connection is kept", () => pool.idleCount === pool.totalCount);
  });

  it("because the table is missing, or the record is of a later version, says so", async () => {
    const { admin } = given.house;
    const { store } = given.house.open();
    const { key } = asking();
    await admin.query(
      `INSERT INTO onceover.records VALUES ($1, 2, 'done', 't', 1, 1, 'f', now(), now() + interval '1 day', false)`,
      [key],
    );
    await rejection(beginning(store, asking({ key })), "record-unreadable");
    const { postgresStore } = await import("../src/index.js");
    const pool = connect(given.house.server.url);
    const lost = postgresStore({ pool, schema: newSchema() });
    await expect(beginning(lost, asking())).rejects.toThrow("has migrate() been run?");
    await lost.close();
    await pool.end();
  });
});

describe("a transaction rolls back, for certain,", () => {
  it("where the handler caught the error of a statement of its own; a savepoint would have kept the rest", async () => {
    const { store } = given.house.open();
    const failed = await beginRun(store);
    await failed.pay();
    await failed.tx.query("SELECT 1 / 0").catch(() => undefined);
    expect(await failed.transaction.renew()).toBe("ok");
    await rejection(failed.complete(), "rolled-back");
    expect(await given.house.effectsOf(failed)).toBe(0);
    expect(await store.read(failed.request.key)).toEqual({ outcome: "none" });

    const kept = await beginRun(store);
    await kept.pay();
    await kept.tx.query("SAVEPOINT risky");
    await kept.tx.query("SELECT 1 / 0").catch(() => undefined);
    await kept.tx.query("ROLLBACK TO SAVEPOINT risky");
    expect(await kept.complete()).toBe("ok");
    expect(await given.house.effectsOf(kept)).toBe(1);
  });

  it("where a deferred constraint fails at COMMIT; its connection goes back sound", async () => {
    const { admin } = given.house;
    await admin.query(
      "CREATE TABLE IF NOT EXISTS checked (id int, CONSTRAINT one_only UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    const { store, pool } = given.house.open({ max: 1 });
    const pidOf = async () => (await pool.query("SELECT pg_backend_pid() AS pid")).rows[0]?.pid;
    const pid = await pidOf();
    const run = await beginRun(store);
    await run.pay();
    for (const _ of [1, 2]) await run.tx.query("INSERT INTO checked VALUES (1)");
    await rejection(run.complete(), "rolled-back");
    await rejection(run.complete(), "rolled-back");
    expect(await given.house.effectsOf(run)).toBe(0);
    expect(await store.read(run.request.key)).toEqual({ outcome: "none" });
    expect(await pidOf()).toBe(pid);
  });

  it("where two serializable ones have read what the other wrote: one of them stays", async () => {
    const { store } = given.house.open({ options: "-c default_transaction_isolation=serializable" });
    const runs = [await beginRun(store), await beginRun(store)];
    for (const { tx } of runs) await tx.query("SELECT count(*) FROM effects");
    const endings: string[] = [];
    for (const run of runs) {
      const paid = await run.pay().then(
        () => true,
        () => false,
      );
      const ending = await run.complete().catch((error: { readonly code: string }) => error.code);
      endings.push(ending);
      expect(await given.house.effectsOf(run)).toBe(ending === "ok" && paid ? 1 : 0);
    }
    expect(endings.sort()).toEqual(["ok", "rolled-back"]);
  });

  it("where a statement of the handler's is still under way at the deadline", async () => {
    const { store, pool } = given.house.open({ max: 1 }, 300);
    const run = await beginRun(store);
    await run.pay();
    const slow = run.tx.query("SELECT pg_sleep(30)").catch(() => "lost");
    await rejection(run.complete(), "rolled-back");
    expect(await slow).toBe("lost");
    const terminate =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()";
    await given.house.admin.query(terminate);
    await until("the key is free", async () => (await store.read(run.request.key)).outcome === "none");
    expect(await given.house.effectsOf(run)).toBe(0);
    expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });

  it("but what the handler did not await is part of it, too, where it is done by then", async () => {
    const { store } = given.house.open();
    const run = await beginRun(store);
    const paid = run.pay();
    expect(await run.complete()).toBe("ok");
    await paid;
    expect(await given.house.effectsOf(run)).toBe(1);
  });

  it("where the administrator terminates its backend, and says so at each use", async () => {
    const escaped: unknown[] = [];
    const listen = (reason: unknown) => void escaped.push(reason);
    process.on("unhandledRejection", listen).on("uncaughtException", listen);
    const { store, pool } = given.house.open({ max: 1 });
    const run = await beginRun(store);
    await run.pay();
    const { rows } = await run.tx.query("SELECT pg_backend_pid() AS pid");
    await given.house.admin.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
    await until("it is heard of", async () => (await run.transaction.renew()) === "stale");
    expect(pool.totalCount).toBe(0);
    await rejection(run.pay(), "rolled-back");
    await rejection(run.complete(), "rolled-back");
    await run.transaction.abandon();
    expect(await given.house.effectsOf(run)).toBe(0);
    const next = await beginRun(store, { key: run.request.key });
    expect(await next.complete()).toBe("ok");
    process.off("unhandledRejection", listen).off("uncaughtException", listen);
    expect(escaped).toEqual([]);
  });
});

it("a transaction that was ended behind our back is not completed: what it wrote may be there", async () => {
  // A comment within a comment is more than the guard of once.tx can read.
  const hidden = "/* /* */ */ COMMIT";
  for (const sneaky of [hidden, `${hidden}; /* /* */ */ BEGIN`]) {
    const { store } = given.house.open();
    const run = await beginRun(store);
    await run.pay();
    await run.tx.query(sneaky);
    await rejection(run.complete(), "store-unavailable");
    expect(await given.house.effectsOf(run)).toBe(1);
    // Nobody runs it again: the outcome is unknown when the lease ends.
    expect(await store.read(run.request.key)).toMatchObject({ outcome: "running" });
  }
});

it("its errors hold no key, token or record", async () => {
  const { store } = given.house.open({ options: "-c default_transaction_read_only=on" });
  const request = asking();
  const error = await beginning(store, request).catch((rejected: Error) => rejected);
  expect(error).toBeInstanceOf(Error);
  const run = await beginRun(given.house.open().store);
  await run.tx.query("SELECT 1 / 0").catch(() => undefined);
  const rolledBack = await run.complete().catch((rejected: Error) => rejected);
  for (const each of [error, rolledBack] as Error[]) {
    const text = `${each.message} ${each.stack} ${JSON.stringify(each.cause)} ${each.cause}`;
    for (const secret of [request.key, request.token, run.request.key, run.request.token]) {
      expect(text).not.toContain(secret);
    }
  }
});
