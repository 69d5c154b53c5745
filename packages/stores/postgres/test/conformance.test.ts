import { describeStore, type TransactionEffects } from "@onceover/conformance";
import type { Store } from "@onceover/core";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import type { Pool, PoolConfig } from "pg";
import { afterAll, beforeAll, describe } from "vitest";
import { migrate, postgresStore } from "../src/index.js";
import { countedEffects } from "./counted-effects.js";
import { connect, newSchema } from "./pools.js";

let server: PostgresServer;
let admin: Pool;
let effects: TransactionEffects;
beforeAll(async () => {
  server = await startPostgres();
  admin = connect(server.url);
  effects = await countedEffects(admin);
});
afterAll(async () => {
  await admin.end();
  await server.stop();
});

const ONE_CONNECTION = {
  max: 1,
  binary: true,
  options: "-c bytea_output=escape -c default_transaction_isolation=serializable",
};
/** Stores on the same records, with a pool of their own each, all closed at the end of a case; no other case sees their records. */
function opener(options: PoolConfig = {}) {
  const opened: { readonly pool: Pool; readonly store: Store }[] = [];
  const schema = newSchema();
  return {
    async open() {
      const pool = connect(server.url, options);
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

describe.each([
  ["a pool as pg makes it", {}, true],
  // Transactions need a second one, for whoever waits.
  ["one connection, in binary mode, with bytea_output escape, serializable", ONE_CONNECTION, false],
] as const)("over %s", (title, options, transactions) => {
  describeStore(`postgres, ${title}`, {
    capabilities: { tier: "T3", durable: true, watches: true, transactions },
    async open() {
      const stores = opener(options);
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
});
