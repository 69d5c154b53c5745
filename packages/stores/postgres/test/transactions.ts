/** What the tests of transactions share: a server, effects that would show if they came twice, and runs that are begun. */
import type { AcquireRequest, Begun, Store, Transaction } from "@onceover/core";
import { startPostgres } from "@onceover/test/postgres-server";
import type { Pool, PoolClient, PoolConfig } from "pg";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { migrate, postgresStore } from "../src/index.js";
import { asking, connect } from "./pools.js";

export const DAY_MS = 86_400_000;
export const RECORD = new TextEncoder().encode("the answer");

/** A run whose transaction is open. */
export interface OpenRun {
  readonly request: AcquireRequest;
  readonly transaction: Transaction;
  readonly tx: PoolClient;
  /** Writes an effect of the run. */
  pay(): Promise<unknown>;
  complete(): Promise<"ok">;
}

/** Opens a pool and a store of its own, closed at the end of the test. */
export type OpenStore = (options?: PoolConfig, timeoutMs?: number) => { readonly pool: Pool; readonly store: Store };

/** One Postgres for a test file; every test has its own keys. */
export async function postgresHouse() {
  const server = await startPostgres();
  const admin = connect(server.url);
  await migrate(admin);
  // No key is unique here: what is written twice shows.
  await admin.query("CREATE TABLE effects (key text NOT NULL)");
  const opened: { readonly pool: Pool; readonly store: Store }[] = [];
  const open: OpenStore = (options = {}, timeoutMs = 10_000) => {
    const pool = connect(server.url, options);
    const store = postgresStore({ pool, timeoutMs });
    opened.push({ pool, store });
    return { pool, store };
  };
  return {
    server,
    admin,
    open,
    async effectsOf({ request }: Pick<OpenRun, "request">): Promise<number> {
      const { rows } = await admin.query("SELECT count(*)::int AS count FROM effects WHERE key = $1", [request.key]);
      return rows[0]?.count;
    },
    async closeOpened() {
      for (const { pool, store } of opened.splice(0)) {
        await store.close();
        await pool.end();
      }
    },
    async stop() {
      await admin.end();
      await server.stop();
    },
  };
}

export type PostgresHouse = Awaited<ReturnType<typeof postgresHouse>>;

/** Starts the house of a test file and ends it; what it is can be read once the tests run. */
export function usePostgresHouse(): { readonly house: PostgresHouse } {
  let house: PostgresHouse | undefined;
  const started = () => {
    if (house === undefined) throw new Error("the house is there when the tests run");
    return house;
  };
  beforeAll(async () => {
    house = await postgresHouse();
  });
  afterEach(() => started().closeOpened());
  afterAll(() => started().stop());
  return {
    get house() {
      return started();
    },
  };
}

/** Begins; the store must have the verb. */
export async function beginning(store: Store, request: AcquireRequest, waitMs = 0): Promise<Begun> {
  if (store.begin === undefined) throw new Error("the store has no begin");
  return store.begin(request, waitMs);
}

/** Begins a run of a key that must be free. */
export async function beginRun(store: Store, over: Partial<AcquireRequest> = {}): Promise<OpenRun> {
  const request = asking(over);
  const begun = await beginning(store, request);
  expect(begun).toMatchObject({ outcome: "acquired" });
  const { transaction } = begun as Extract<Begun, { readonly outcome: "acquired" }>;
  const tx = transaction.client as PoolClient;
  return {
    request,
    transaction,
    tx,
    pay: () => tx.query("INSERT INTO effects VALUES ($1)", [request.key]),
    complete: () => transaction.complete(RECORD, DAY_MS),
  };
}

/** Fulfils when a promise has rejected with an error of this code. */
export function rejection(call: Promise<unknown>, code: string): Promise<void> {
  return expect(call).rejects.toMatchObject({ name: "OnceoverError", code });
}
