/** Behind PgBouncer in transaction mode a session is a client's for one transaction, and eight sessions serve everybody. */
import { describeStore, type TransactionEffects } from "@onceover/conformance";
import type { Store } from "@onceover/core";
import { type Pgbouncer, startPgbouncer } from "@onceover/test/pgbouncer";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import type { Pool } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { migrate, postgresStore } from "../src/index.js";
import { countedEffects } from "./counted-effects.js";
import { connect, newSchema } from "./pools.js";
import { beginRun } from "./transactions.js";

let server: PostgresServer;
let pooler: Pgbouncer;
let admin: Pool;
let effects: TransactionEffects;
beforeAll(async () => {
  server = await startPostgres();
  pooler = await startPgbouncer(server.port);
  admin = connect(server.url);
  effects = await countedEffects(admin);
});
afterAll(async () => {
  await admin.end();
  await pooler.stop();
  await server.stop();
});

/** Stores on the same records, all closed at the end of a case. */
function opener() {
  const opened: { readonly pool: Pool; readonly store: Store }[] = [];
  const schema = newSchema();
  return {
    async open() {
      const pool = connect(pooler.url);
      await migrate(pool, { schema });
      const store = postgresStore({ pool, schema, timeoutMs: 10_000 });
      opened.push({ pool, store });
      return store;
    },
    async close() {
      for (const { pool, store } of opened.splice(0)) {
        await store.close();
        await pool.end();
      }
    },
  };
}

describeStore("postgres, through PgBouncer in transaction mode", {
  // A LISTEN hears nothing there: whoever waits looks for himself.
  capabilities: { tier: "T3", durable: true, watches: false, transactions: true },
  async open() {
    const stores = opener();
    return {
      effects,
      store: await stores.open(),
      second: () => stores.open(),
      async reopen() {
        await stores.close();
        await server.restart();
        return stores.open();
      },
      close: () => stores.close(),
    };
  },
});

it("a transaction leaves no setting on the session that it had", async () => {
  const stores = opener();
  const store = await stores.open();
  const settings = `SELECT current_setting('lock_timeout') AS lock,
    current_setting('idle_in_transaction_session_timeout') AS idle FROM generate_series(1, 3), pg_sleep(0.05)`;
  const runs = await Promise.all(Array.from({ length: 8 }, () => beginRun(store, { leaseMs: 4321 })));
  await Promise.all(runs.map((run, i) => (i % 2 === 0 ? run.complete() : run.transaction.abandon())));
  const pool = connect(pooler.url, { max: 8 });
  const replies = await Promise.all(Array.from({ length: 8 }, () => pool.query(settings)));
  for (const { rows } of replies) expect(rows[0]).toEqual({ lock: "0", idle: "0" });
  await pool.end();
  await stores.close();
});
