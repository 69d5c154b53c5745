/** Records in Durable Objects, from a Worker, in workerd itself. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundleWorker } from "../src/durable-object-server.js";
import { startWorkerd, type WorkerdServer } from "../src/workerd-server.js";
import { postAndReset } from "./workerd.js";

const WORKER = "./test/runtimes/durable-object-worker.ts";

let worker: WorkerdServer;
beforeAll(async () => {
  worker = await startWorkerd({
    script: await bundleWorker(`export * from "${WORKER}"; export { default } from "${WORKER}";`),
  });
  // The first call of an instance asks whether its records are there.
  for (const instance of ["here", "elsewhere"]) expect(await post(instance, newKey())).toMatchObject({ status: 201 });
});
afterAll(() => worker.close());

const newKey = () => crypto.randomUUID();

async function post(instance: string, key: string, { path = "/", body = "amount=1" } = {}) {
  const headers = { "Idempotency-Key": key, Instance: instance };
  const response = await fetch(worker.url + path, { method: "POST", headers, body });
  const replayed = response.headers.get("idempotency-replayed") === "true";
  return { status: response.status, replayed, text: await response.text() };
}

const ask = async (path: string): Promise<unknown> => (await fetch(worker.url + path)).json();
const runsOf = (key: string) => ask(`/ran?key=${key}`);

/** Which objects were called meanwhile, and what came of it. */
async function during<T>(work: () => Promise<T>) {
  await ask("/called");
  const result = await work();
  return { objects: (await ask("/called")) as string[], result };
}

it("a first run is two calls of one object, a replay one, and a second one in the same process none", async () => {
  const key = newKey();
  const first = await during(() => post("here", key));
  expect(first.result).toMatchObject({ status: 201, replayed: false });
  expect(first.objects).toHaveLength(2);
  expect(new Set(first.objects).size).toBe(1);
  const replay = { ...first.result, replayed: true };
  for (const objects of [first.objects.slice(1), []]) {
    expect(await during(() => post("elsewhere", key))).toEqual({ objects, result: replay });
    expect(await during(() => post("here", key))).toEqual({ objects, result: replay });
  }
  expect(await runsOf(key)).toBe(1);
});

it("of fifty requests at once, over two instances, one runs and all are given its answer", async () => {
  const key = newKey();
  const instances = Array.from({ length: 25 }, () => ["here", "elsewhere"]).flat();
  const answers = await Promise.all(instances.map((instance) => post(instance, key, { path: "/?ms=300" })));
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(await runsOf(key)).toBe(1);
});

it("another payload under the same key is refused", async () => {
  const key = newKey();
  await post("here", key);
  expect(await post("elsewhere", key, { body: "amount=2" })).toMatchObject({ status: 422 });
  expect(await runsOf(key)).toBe(1);
});

it("a run goes on for a client that resets its connection, by ctx.waitUntil, and its record stands", async () => {
  const key = newKey();
  await postAndReset(`${worker.url}/?ms=400`, key, expect.poll(() => runsOf(key), { timeout: 20_000 }).toBe(1));
  expect(await post("elsewhere", key, { path: "/?ms=400" })).toMatchObject({ status: 201, replayed: true });
  expect(await runsOf(key)).toBe(1);
});

it("a run that died with its request is unknown once its lease is over, is listed, and does not run again", async () => {
  const key = newKey();
  const path = "/?ms=60000&alone";
  const begun = expect.poll(() => runsOf(key), { timeout: 20_000 }).toBe(1);
  await postAndReset(worker.url + path, key, begun);
  const code = async () => JSON.parse((await post("elsewhere", key, { path })).text).code;
  await expect.poll(code, { timeout: 25_000, interval: 200 }).toBe("outcome-unknown");
  expect(await ask("/unknowns")).toBe(1);
  expect(await runsOf(key)).toBe(1);
});

it("records outlive the Worker: killed and started again, it replays", async () => {
  const key = newKey();
  const first = await post("here", key);
  await worker.restart();
  expect(await post("here", key)).toEqual({ ...first, replayed: true });
  expect(await runsOf(key)).toBe(0);
});
