import type { Store } from "@onceover/core";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import type { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrate, postgresStore } from "../src/index.js";
import { asking, connect, outcomeOf } from "./pools.js";

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

describe("what goes wrong in the server", () => {
  /** Makes every new row fail with an error as the server would raise it. */
  async function failing(code: string, work: (store: Store) => Promise<void>): Promise<void> {
    await pool.query(`CREATE OR REPLACE FUNCTION onceover.fail() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not keep % of %', NEW.key, NEW.token
        USING ERRCODE = '${code}', DETAIL = NEW.key, HINT = NEW.token; END $$`);
    await pool.query(
      "CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON onceover.records FOR EACH ROW EXECUTE FUNCTION onceover.fail()",
    );
    const store = postgresStore({ pool });
    try {
      await work(store);
    } finally {
      await pool.query("DROP TRIGGER fail ON onceover.records");
      await store.close();
    }
  }

  it.each([
    ["53100", "store-full"],
    ["53200", "store-full"],
    ["XX000", "store-unavailable"],
  ])("%s is %s, and neither message nor cause holds key or token", async (sqlState, code) => {
    await failing(sqlState, async (store) => {
      const request = asking();
      const error: unknown = await store.acquire(request).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code, cause: { code: sqlState } });
      const { message, cause } = error as Error & { readonly cause: Error };
      const told = [
        message,
        cause.message,
        cause.stack,
        JSON.stringify(cause, Object.getOwnPropertyNames(cause)),
      ].join();
      expect(told).toContain("could not keep … of …");
      expect(told).not.toContain(request.key);
      expect(told).not.toContain(request.token);
    });
  });

  it("a full disk serves what is recorded, and the run that could not be recorded is still held", async () => {
    const patient = postgresStore({ pool });
    const [done, running] = [asking(), asking()];
    for (const request of [done, running]) await patient.acquire(request);
    await patient.complete(done.key, done.token, RECORD, DAY_MS);
    await failing("53100", async (store) => {
      expect(await outcomeOf(store.acquire(asking({ key: done.key })))).toBe("done");
      expect(await outcomeOf(store.read(done.key))).toBe("done");
      expect(await outcomeOf(store.acquire(asking({ key: running.key })))).toBe("running");
      await expect(store.complete(running.key, running.token, RECORD, DAY_MS)).rejects.toMatchObject({
        code: "store-full",
      });
    });
    expect(await patient.complete(running.key, running.token, RECORD, DAY_MS)).toBe("ok");
    await patient.close();
  });

  it("a table that is missing is store-unavailable, with what to do in the message", async () => {
    const store = postgresStore({ pool, schema: "nowhere" });
    await expect(store.acquire(asking())).rejects.toMatchObject({
      code: "store-unavailable",
      message: expect.stringContaining("migrate()"),
    });
    await store.close();
  });
});

it("a replica answers no verb, not even a read, and verify() says so", async () => {
  const store = postgresStore({ pool });
  const request = asking();
  await store.acquire(request);
  await server.restartAsStandby();
  expect((await store.verify()).findings.map(({ setting }) => setting)).toEqual(["hot_standby"]);
  const { key, token } = request;
  const calls = [
    () => store.acquire(request),
    () => store.renew(key, token, 1000),
    () => store.complete(key, token, RECORD, DAY_MS),
    () => store.abandon(key, token),
    () => store.read(key),
    () => store.forget(key),
    () => store.unknowns(),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "store-unavailable" });
  await store.close();
});
