import type { Store } from "@onceover/core";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import { sleep, until } from "@onceover/test/wait";
import pg, { type Pool } from "pg";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { migrate, postgresStore } from "../src/index.js";
import { asking, connect } from "./pools.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");

let server: PostgresServer;
let pool: Pool;
beforeAll(async () => {
  server = await startPostgres();
  pool = connect(server.url);
  await migrate(pool);
});
afterAll(async () => {
  await pool.end();
  await server.stop();
});

const stores: Store[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await until("no connection of an ended store listens", async () => (await listeners()).length === 0);
});

function open(): Store {
  const store = postgresStore({ pool, timeoutMs: 5000 });
  stores.push(store);
  return store;
}

/** The server's processes that listen, by id. */
async function listeners(): Promise<number[]> {
  const { rows } = await pool.query(`SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %'`);
  return rows.map(({ pid }: { readonly pid: number }) => pid);
}

async function watch(store: Store, key: Parameters<NonNullable<Store["watch"]>>[0]) {
  let told = 0;
  const leave = await store.watch?.(key, () => {
    told++;
  });
  return { told: () => told, leave: () => leave?.(), isTold: () => until("it is told", () => told > 0) };
}

it("a completed record is told of within a second, over one connection for all who wait, beside the pool", async () => {
  const [runner, waiter] = [open(), open()];
  const requests = Array.from({ length: 20 }, () => asking());
  for (const request of requests) await runner.acquire(request);
  const watched = await Promise.all(requests.map(({ key }) => watch(waiter, key)));
  expect(await listeners()).toHaveLength(1);
  for (const { key, token } of requests) await runner.complete(key, token, RECORD, DAY_MS);
  await Promise.all(watched.map(({ isTold }) => isTold()));
});

it("a record on which nobody waits tells nobody when it is completed, abandoned or forgotten", async () => {
  const store = open();
  const heard: string[] = [];
  const client = new pg.Client(server.url);
  client.on("notification", ({ payload = "" }) => heard.push(payload));
  await client.connect();
  await client.query('LISTEN "onceover"');
  const [completed, abandoned, forgotten, watched] = [asking(), asking(), asking(), asking()];
  for (const request of [completed, abandoned, forgotten, watched]) await store.acquire(request);
  await store.complete(completed.key, completed.token, RECORD, DAY_MS);
  await store.abandon(abandoned.key, abandoned.token);
  await store.forget(forgotten.key);
  await watch(store, watched.key);
  await store.complete(watched.key, watched.token, RECORD, DAY_MS);
  await until("the one that is watched was told of", () => heard.length > 0);
  expect(heard).toEqual([watched.key]);
  await client.end();
});

it("a run that is taken over is still watched, and a key that is acquired anew after its end is not", async () => {
  const store = open();
  const request = asking({ leaseMs: 1 });
  await store.acquire(request);
  const { isTold } = await watch(store, request.key);
  await sleep(10);
  const heir = asking({ key: request.key, takeOver: true });
  expect(await store.acquire(heir)).toMatchObject({ outcome: "acquired", attempt: 2 });
  await store.abandon(heir.key, heir.token);
  await isTold();
  await store.acquire(asking({ key: request.key }));
  const { rows } = await pool.query("SELECT watched FROM onceover.records WHERE key = $1", [request.key]);
  expect(rows).toEqual([{ watched: false }]);
});

it("a lost connection is replaced, and everybody who waits is told to look", async () => {
  const store = open();
  const request = asking();
  await store.acquire(request);
  const { told, isTold } = await watch(store, request.key);
  const [first] = await listeners();
  await pool.query("SELECT pg_terminate_backend($1)", [first]);
  await isTold();
  expect(await listeners()).not.toEqual([first]);
  const before = told();
  await store.complete(request.key, request.token, RECORD, DAY_MS);
  await until("it is told by the new connection", () => told() > before);
});

it("a server that is restarted while somebody waits is listened to again", async () => {
  const store = open();
  const request = asking();
  await store.acquire(request);
  const { told } = await watch(store, request.key);
  await server.restart();
  await until("it is told to look", () => told() > 0);
  const before = told();
  expect(await store.complete(request.key, request.token, RECORD, DAY_MS)).toBe("ok");
  await until("it is told of the completion", () => told() > before);
});

it("the connection is closed about a second after the last who waits, or when the store is", async () => {
  const store = open();
  const request = asking();
  await store.acquire(request);
  const one = await watch(store, request.key);
  const other = await watch(store, request.key);
  one.leave();
  one.leave();
  expect(await listeners()).toHaveLength(1);
  other.leave();
  await until("it is closed", async () => (await listeners()).length === 0);
  await watch(store, request.key);
  expect(await listeners()).toHaveLength(1);
  await store.close();
  await until("it is closed with the store", async () => (await listeners()).length === 0);
});

it("where no connection can be made for it, watch() rejects in time, and the store's other verbs work", async () => {
  const narrow = connect(server.url);
  const store = postgresStore({ pool: narrow, timeoutMs: 1000 });
  stores.push(store);
  const request = asking();
  await store.acquire(request);
  narrow.options.connectionString = "postgres://postgres@127.0.0.1:1/postgres";
  await expect(watch(store, request.key)).rejects.toMatchObject({ code: "store-unavailable" });
  expect(await store.complete(request.key, request.token, RECORD, DAY_MS)).toBe("ok");
  await store.close();
  await narrow.end();
});
