import { type DurableObjectServer, startDurableObjects } from "@onceover/test/durable-object-server";
import { connectObjects } from "@onceover/test/durable-objects";
import { asking, count, newKey, outcomeOf } from "@onceover/test/store-calls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { durableObjectStore } from "../src/durable-object-store.js";

const KEYS = 50;

let published: DurableObjectServer;
let careless: DurableObjectServer;
beforeAll(async () => {
  published = await startDurableObjects();
  careless = await startDurableObjects({ module: "./packages/stores/durable-object/test/careless-record.ts" });
});
afterAll(async () => {
  await published.close();
  await careless.close();
});

/** How many of so many keys, each acquired by twenty callers at once over two stores, have more than one owner. */
async function sharedKeys({ url }: DurableObjectServer): Promise<number> {
  const { namespace } = connectObjects(url);
  const stores = [1, 2].map(() => durableObjectStore({ namespace, timeoutMs: 20_000 }));
  let shared = 0;
  for (let round = 0; round < KEYS; round++) {
    const key = newKey();
    const callers = Array.from({ length: 10 }, () => stores).flat();
    const outcomes = await Promise.all(callers.map((store) => outcomeOf(store.acquire(asking({ key })))));
    const { acquired = 0, running = 0 } = count(outcomes);
    expect(acquired + running).toBe(callers.length);
    if (acquired > 1) shared += 1;
  }
  return shared;
}

it("of twenty acquires of one key at once exactly one is acquired, for each of 50 keys", async () => {
  expect(await sharedKeys(published)).toBe(0);
});

it("an object that awaits something else between the look and the write is found out: keys have several owners", async () => {
  expect(await sharedKeys(careless)).toBeGreaterThan(KEYS / 2);
});
