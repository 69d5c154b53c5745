/** Postgres in the same transaction, over HTTP, under faults: no key is paid twice, none is unknown, none is lost. */
import pg from "pg";
import { afterEach, expect, it } from "vitest";
import { type PostgresServer, type PostgresServerOptions, startPostgres } from "./src/postgres-server.js";
import { type LoadOptions, type LoadReport, startLoad } from "./src/transactional-load.js";
import { sleep, until } from "./src/wait.js";

const RESTARTS = 16;
const KEYS_BETWEEN_FAULTS = 40;

const servers: PostgresServer[] = [];
const clients: pg.Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  for (const server of servers.splice(0)) await server.stop();
});

async function start(options: PostgresServerOptions = {}) {
  const server = await startPostgres(options);
  servers.push(server);
  const admin = new pg.Client(server.url);
  clients.push(admin);
  await admin.connect();
  // It is lost with the server.
  admin.on("error", () => undefined);
  return { server, admin };
}

/** Settles once some more keys have their final answer: between any two faults there must be something to lose. */
type SomeKeys = () => Promise<void>;

/** Loads a server for as long as `fault` goes on; every key must then be one effect, one record and one answer. */
async function under(options: LoadOptions, fault: (someKeys: SomeKeys) => Promise<void>): Promise<LoadReport> {
  const load = await startLoad(options);
  await fault(() => {
    const before = load.settled();
    return until("some keys are settled", () => load.settled() >= before + KEYS_BETWEEN_FAULTS);
  });
  const report = await load.end();
  const { keys, effects, records, unknown, divergent, phantoms, sent } = report;
  const expected = { effects: keys, records: keys, unknown: 0, divergent: 0, phantoms: 0 };
  expect({ effects, records, unknown, divergent, phantoms }).toEqual(expected);
  expect(sent).toBeGreaterThanOrEqual(2 * keys);
  return report;
}

it(`${RESTARTS} immediate restarts: effects = keys = records, nothing unknown, and each key has one answer`, async () => {
  const { server } = await start();
  const { keys, answers } = await under({ server }, async (someKeys) => {
    for (let restart = 0; restart < RESTARTS; restart++) {
      await someKeys();
      await sleep(Math.random() * 60);
      await server.restart();
    }
  });
  expect(keys).toBeGreaterThan(RESTARTS * KEYS_BETWEEN_FAULTS);
  expect(answers["503 store-unavailable executed false"]).toBeGreaterThan(0);
}, 240_000);

it("backends terminated in the middle of their transactions: the same", async () => {
  const { server, admin } = await start();
  const terminate = `SELECT count(pg_terminate_backend(pid))::int AS terminated FROM (
    SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle' ORDER BY random() LIMIT 3) AS victims`;
  let terminated = 0;
  const { answers } = await under({ server }, async (someKeys) => {
    while (terminated < 60) {
      terminated += (await admin.query(terminate)).rows[0]?.terminated;
      await sleep(20);
      if (terminated % 10 === 0) await someKeys();
    }
  });
  const failed = Object.entries(answers).filter(([kind]) => kind !== "201");
  expect(failed.reduce((sum, [, times]) => sum + times, 0)).toBeGreaterThan(5);
}, 120_000);

it("locks that time out, of the key and of the handler: the same", async () => {
  const { server, admin } = await start();
  await admin.query("CREATE TABLE tills (id int PRIMARY KEY); INSERT INTO tills VALUES (1), (2), (3)");
  const work: LoadOptions["work"] = async (tx) => {
    await tx.query("SET LOCAL lock_timeout = 60");
    await tx.query("SELECT FROM tills WHERE id = $1 FOR UPDATE", [1 + Math.floor(Math.random() * 3)]);
    await tx.query("SELECT pg_sleep(0.03)");
  };
  // A quarter of a second, so that duplicates wait for half of that at a time.
  const { answers, events } = await under({ server, work, timeoutMs: 250 }, async (someKeys) => {
    for (let round = 0; round < 4; round++) await someKeys();
  });
  expect(answers["500"]).toBeGreaterThan(0);
  expect(events.abandoned).toBeGreaterThan(0);
}, 120_000);

it("a disk of the data that is full again and again: the same", async () => {
  const { server, admin } = await start({ smallDiskBytes: 6 * 1024 * 1024 });
  await admin.query(`CREATE TABLESPACE small LOCATION '${server.smallDisk}'`);
  const add = (bytes: number) =>
    admin.query("INSERT INTO filler SELECT repeat('x', $1::int) FROM generate_series(1, 100)", [bytes]).then(
      () => true,
      (error: { readonly code: string }) => {
        if (error.code === "53100") return false;
        throw error;
      },
    );
  // Page by page, and then what is left of the last one.
  const fill = async () => {
    for (const bytes of [4000, 400, 4]) while (await add(bytes));
  };
  const pool = { options: "-c default_tablespace=small" };
  const { answers } = await under({ server, pool }, async (someKeys) => {
    for (let round = 0; round < 3; round++) {
      await admin.query("CREATE TABLE filler (text text STORAGE PLAIN) TABLESPACE small");
      await someKeys();
      await fill();
      await sleep(300);
      await admin.query("DROP TABLE filler");
    }
  });
  expect(answers["503 store-full executed false"] ?? 0).toBeGreaterThan(0);
}, 120_000);
