/** What a request costs in calls of objects, through an adapter. */
import { createOnceover, SHARED_SCOPE } from "@onceover/core";
import { withOnceover } from "@onceover/fetch";
import { type DurableObjectServer, startDurableObjects } from "@onceover/test/durable-object-server";
import { newKey } from "@onceover/test/store-calls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { durableObjectStore } from "../src/durable-object-store.js";

type Service = (request: Request) => Promise<Response>;

let server: DurableObjectServer;
/** Two instances over one namespace, each with a cache of its own, as two isolates have them. */
let here: Service;
let elsewhere: Service;
let runs = 0;

function serve(): Service {
  const store = durableObjectStore({ namespace: server.namespace, timeoutMs: 10_000 });
  const once = createOnceover<Request>({ service: "payments", revision: "r1", store, scope: SHARED_SCOPE });
  return withOnceover(once, () => Response.json({ run: ++runs }, { status: 201 }));
}

beforeAll(async () => {
  server = await startDurableObjects();
  [here, elsewhere] = [serve(), serve()];
});
afterAll(() => server.close());

async function post(service: Service, key: string): Promise<{ status: number; text: string }> {
  const headers = { "Idempotency-Key": key };
  const response = await service(new Request("https://pay.example/charges", { method: "POST", headers, body: "a=1" }));
  return { status: response.status, text: await response.text() };
}

/** Which methods of objects were called meanwhile, and what came of it. */
async function during<T>(work: () => Promise<T>): Promise<{ readonly methods: readonly string[]; readonly result: T }> {
  const before = server.calls.length;
  const result = await work();
  return { methods: server.calls.slice(before).map(({ method }) => method), result };
}

it("an instance asks the first object once whether its records are there", async () => {
  for (const service of [here, elsewhere, here, elsewhere]) await post(service, newKey());
  expect(server.calls.filter(({ method }) => method === "join")).toEqual([
    { object: "records-0", method: "join" },
    { object: "records-0", method: "join" },
  ]);
});

it("a first run is two calls, a replay one, and a second one in the same process none", async () => {
  const key = newKey();
  const first = await during(() => post(here, key));
  expect(first).toMatchObject({ methods: ["acquire", "complete"], result: { status: 201 } });
  for (const methods of [["acquire"], []]) {
    expect(await during(() => post(elsewhere, key))).toEqual({ methods, result: first.result });
    expect(await during(() => post(here, key))).toEqual({ methods, result: first.result });
  }
});

it("twenty first runs at once are forty calls", async () => {
  const ran = runs;
  const { methods } = await during(() => Promise.all(Array.from({ length: 20 }, () => post(here, newKey()))));
  expect({ calls: methods.length, runs: runs - ran }).toEqual({ calls: 40, runs: 20 });
});
