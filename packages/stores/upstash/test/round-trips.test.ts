/** What a request costs in HTTP calls to the database, through an adapter. */
import { createOnceover, SHARED_SCOPE } from "@onceover/core";
import { withOnceover } from "@onceover/fetch";
import { afterAll, beforeAll, expect, it } from "vitest";
import { upstashStore } from "../src/index.js";
import { type Database, newKey, startDatabase } from "./clients.js";

type Service = (request: Request) => Promise<Response>;

let database: Database;
/** Two instances over one database, each with a cache of its own, as two processes have them. */
let here: Service;
let elsewhere: Service;
let runs = 0;

function serve(): Service {
  const store = upstashStore({ client: database.connect() });
  const once = createOnceover<Request>({ service: "payments", revision: "r1", store, scope: SHARED_SCOPE });
  return withOnceover(once, () => Response.json({ run: ++runs }, { status: 201 }));
}

beforeAll(async () => {
  database = await startDatabase();
  [here, elsewhere] = [serve(), serve()];
  // The first call verifies the store, and the first use of a script sends its text after its digest was not known.
  await Promise.all([post(here, newKey()), post(elsewhere, newKey())]);
});
afterAll(() => database.stop());

async function post(service: Service, key: string): Promise<{ status: number; text: string }> {
  const headers = { "Idempotency-Key": key };
  const response = await service(new Request("https://pay.example/charges", { method: "POST", headers, body: "a=1" }));
  return { status: response.status, text: await response.text() };
}

/** How many HTTP calls `work` made, and what came of it. */
async function during<T>(work: () => Promise<T>): Promise<{ readonly calls: number; readonly result: T }> {
  const before = database.rest.seen.length;
  const result = await work();
  return { calls: database.rest.seen.length - before, result };
}

it("a first run is two HTTP calls, a replay one, and a second one in the same process none", async () => {
  const key = newKey();
  const first = await during(() => post(here, key));
  expect(first).toMatchObject({ calls: 2, result: { status: 201 } });
  for (const calls of [1, 0]) {
    expect(await during(() => post(elsewhere, key))).toEqual({ calls, result: first.result });
    expect(await during(() => post(here, key))).toEqual({ calls, result: first.result });
  }
});

it("twenty first runs at once are forty HTTP calls", async () => {
  const ran = runs;
  const { calls } = await during(() => Promise.all(Array.from({ length: 20 }, () => post(here, newKey()))));
  expect({ calls, runs: runs - ran }).toEqual({ calls: 40, runs: 20 });
});
