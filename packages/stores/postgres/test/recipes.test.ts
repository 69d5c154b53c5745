/** The recipes that the README shows, each behind Express: sent twice they pay once, and what fails leaves nothing. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Once } from "@onceover/core";
import { serveExpress } from "@onceover/test/express-service";
import { drizzle } from "drizzle-orm/node-postgres";
import { Kysely, PostgresDialect } from "kysely";
import { beforeEach, describe, expect, it } from "vitest";
import { pay as payWithDrizzle } from "./recipes/with-drizzle.js";
import { pay as payWithKysely } from "./recipes/with-kysely.js";
import { pay as payWithOutbox, relay } from "./recipes/with-outbox.js";
import { beginRun, usePostgresHouse } from "./transactions.js";

const given = usePostgresHouse();
const house = dirname(import.meta.dirname);

const TABLES = `
  DROP TABLE IF EXISTS payments, outbox;
  CREATE TABLE payments (id serial PRIMARY KEY, amount int NOT NULL);
  CREATE TABLE outbox (id text NOT NULL, message jsonb NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());`;
beforeEach(() => given.house.admin.query(TABLES));

const rowsOf = async (table: "payments" | "outbox") =>
  (await given.house.admin.query(`SELECT * FROM ${table} ORDER BY id`)).rows;

/** Serves a recipe as the README mounts it; `failing` has its handler throw when the recipe is done. */
async function serve(pay: (once: Once, amount: number) => Promise<unknown>) {
  const { store } = given.house.open();
  let failing = false;
  const service = await serveExpress(
    { store, idempotency: { transactional: true, required: true } },
    async (request, response) => {
      if (request.onceover === undefined) throw new Error("a payment needs a key");
      const paid = await pay(request.onceover, request.body.amount);
      if (failing) throw new Error("this one fails");
      response.status(201).json(paid);
    },
    (_request, _response, next) => next(),
  );
  return {
    fail(isFailing: boolean) {
      failing = isFailing;
    },
    async post(key: string, amount: number) {
      const headers = { "Content-Type": "application/json", "Idempotency-Key": key, "X-Caller": "alice" };
      const response = await fetch(service.url, { method: "POST", headers, body: JSON.stringify({ amount }) });
      return { status: response.status, text: await response.text() };
    },
    close: () => service.close(),
  };
}

describe.each([
  ["Drizzle", payWithDrizzle],
  ["Kysely", payWithKysely],
  ["an outbox", payWithOutbox],
])("with %s", (_, pay) => {
  it("a payment that is sent twice is paid once, and a retry has its answer", async () => {
    const service = await serve(pay);
    const key = crypto.randomUUID();
    const first = await service.post(key, 42);
    expect(first).toEqual({ status: 201, text: JSON.stringify({ id: 1, amount: 42 }) });
    expect(await service.post(key, 42)).toEqual(first);
    expect(await rowsOf("payments")).toEqual([{ id: 1, amount: 42 }]);
    await service.close();
  });

  it("a handler that throws has paid nothing, and the retry pays", async () => {
    const service = await serve(pay);
    const key = crypto.randomUUID();
    service.fail(true);
    expect(await service.post(key, 7)).toMatchObject({ status: 500 });
    expect([await rowsOf("payments"), await rowsOf("outbox")]).toEqual([[], []]);
    service.fail(false);
    expect(await service.post(key, 7)).toMatchObject({ status: 201 });
    expect(await rowsOf("payments")).toMatchObject([{ amount: 7 }]);
    await service.close();
  });
});

it("a message of the outbox is there with its payment, is sent again until it was sent, and then is gone", async () => {
  const service = await serve(payWithOutbox);
  await service.post("three", 5);
  await service.post("three", 5);
  const sent: unknown[] = [];
  const failing = relay(given.house.admin, async () => {
    throw new Error("nobody is there");
  });
  await expect(failing).rejects.toThrow("nobody is there");
  for (const _ of [1, 2]) await relay(given.house.admin, async (id, message) => void sent.push({ id, message }));
  expect(sent).toEqual([
    { id: expect.stringMatching(/\.announce$/), message: { type: "payment.made", payment: { id: 1, amount: 5 } } },
  ]);
  await service.close();
});

it("a transaction of Drizzle's or Kysely's own is refused: there is one already", async () => {
  const { store } = given.house.open();
  const run = await beginRun(store);
  await expect(drizzle({ client: run.tx }).transaction(async () => undefined)).rejects.toMatchObject({
    cause: { code: "misuse" },
  });
  const pool = { connect: async () => run.tx, end: async () => {} };
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  await expect(db.transaction().execute(async () => undefined)).rejects.toMatchObject({ code: "misuse" });
  await run.pay();
  expect(await run.complete()).toBe("ok");
});

describe("the README", () => {
  const readme = readFileSync(join(house, "README.md"), "utf8");
  const shown = [...readme.matchAll(/<!-- (\S+), run by a test -->\n```ts\n([\s\S]*?)\n```/g)];

  it("shows each recipe", () => {
    expect(shown.map(([, path]) => path)).toEqual([
      "test/recipes/with-drizzle.ts",
      "test/recipes/with-kysely.ts",
      "test/recipes/with-outbox.ts",
    ]);
  });

  it.each(shown.map(([, path = "", code = ""]) => [path, code]))("shows %s as it is run", (path, code) => {
    expect(`\n${readFileSync(join(house, path), "utf8")}`).toContain(`\n${code}\n`);
  });
});
