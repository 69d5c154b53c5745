/** What clients and handlers of a transactional route see, over HTTP and a real Postgres. */
import { migrate, postgresStore } from "@onceover/postgres";
import type { RequestHandler } from "express";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type ExpressService, serveExpress } from "./src/express-service.js";
import { type PostgresServer, startPostgres } from "./src/postgres-server.js";
import { until } from "./src/wait.js";

let server: PostgresServer;
let admin: pg.Pool;
beforeAll(async () => {
  server = await startPostgres();
  admin = new pg.Pool({ connectionString: server.url });
  await migrate(admin);
  await admin.query(`CREATE TABLE effects (key text NOT NULL, id int,
    CONSTRAINT one_only UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)`);
});
afterAll(async () => {
  await admin.end();
  await server.stop();
});

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

async function serve(handler: RequestHandler, options: pg.PoolConfig = {}): Promise<ExpressService> {
  const pool = new pg.Pool({ connectionString: server.url, ...options });
  const store = postgresStore({ pool });
  const idempotency = { transactional: true, required: true };
  const service = await serveExpress({ store, idempotency }, handler, (_request, _response, next) => next());
  ending.push(async () => {
    await service.close();
    await store.close();
    await pool.end();
  });
  return service;
}

async function post({ url }: ExpressService, key: string) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key, "X-Caller": "alice" };
  const response = await fetch(url, { method: "POST", headers, body: "{}" });
  return { status: response.status, retryAfter: response.headers.get("retry-after"), body: await response.json() };
}

const effectsOf = async (key: string) =>
  (await admin.query("SELECT count(*)::int AS count FROM effects WHERE key = $1", [key])).rows[0]?.count;

it("a commit that fails is 503 rolled-back, not executed, in place of the handler's answer; the retry runs", async () => {
  const key = crypto.randomUUID();
  let isFailing = true;
  const service = await serve(async ({ onceover: once }, response) => {
    for (const id of isFailing ? [1, 1] : [2]) await once?.tx.query("INSERT INTO effects VALUES ($1, $2)", [key, id]);
    response.status(201).json({ paid: true });
  });
  expect(await post(service, key)).toMatchObject({
    status: 503,
    retryAfter: "1",
    body: { code: "rolled-back", executed: false },
  });
  expect(await effectsOf(key)).toBe(0);
  isFailing = false;
  expect(await post(service, key)).toMatchObject({ status: 201 });
  expect(await post(service, key)).toMatchObject({ status: 201 });
  expect(await effectsOf(key)).toBe(1);
});

it("a duplicate in another process waits for the run and has its answer", async () => {
  const key = crypto.randomUUID();
  let runs = 0;
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const pay: RequestHandler = async ({ onceover: once }, response) => {
    runs += 1;
    await once?.tx.query("INSERT INTO effects VALUES ($1)", [key]);
    await gate;
    response.status(201).json({ run: runs });
  };
  const [here, elsewhere] = [await serve(pay), await serve(pay)];
  const first = post(here, key);
  await until("it runs", () => runs === 1);
  const second = post(elsewhere, key);
  await until("the duplicate waits for the row", async () => {
    const { rows } = await admin.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
    return rows.length > 0;
  });
  open();
  expect(await second).toEqual(await first);
  expect([runs, await effectsOf(key)]).toEqual([1, 1]);
});

it("a handler that goes on after its answer writes nothing into the next run, which has its connection", async () => {
  const refusals: unknown[] = [];
  let written = 0;
  const service = await serve(
    async ({ onceover: once }, response) => {
      await once?.tx.query("INSERT INTO effects VALUES ($1)", [once.key]);
      response.status(201).json({ key: once?.key });
      // What arrives before the record is part of the run; from then on all of it is refused.
      while (refusals.length < 1000) {
        await once?.tx.query("INSERT INTO effects VALUES ('afterwards')").then(
          () => {
            written += 1;
          },
          (error) => {
            refusals.push(error.code);
            return new Promise((resolve) => setTimeout(resolve, 1));
          },
        );
        if (isOver) return;
      }
    },
    { max: 1 },
  );
  let isOver = false;
  const keys = Array.from({ length: 20 }, () => crypto.randomUUID());
  for (const key of keys) expect(await post(service, key)).toEqual({ status: 201, retryAfter: null, body: { key } });
  isOver = true;
  for (const key of keys) expect(await effectsOf(key)).toBe(1);
  expect(await effectsOf("afterwards")).toBe(written);
  expect(new Set(refusals)).toEqual(new Set(["misuse"]));
});
