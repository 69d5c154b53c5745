import type { StoreKey } from "@onceover/core";
import { type DurableObjectServer, startDurableObjects } from "@onceover/test/durable-object-server";
import { connectObjects } from "@onceover/test/durable-objects";
import { asking, newKey } from "@onceover/test/store-calls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { durableObjectStore } from "../src/durable-object-store.js";
import { objectName, shardOf } from "../src/shard.js";
import { verbsOf } from "./verbs-of.js";

let server: DurableObjectServer;
beforeAll(async () => {
  server = await startDurableObjects();
});
afterAll(() => server.close());

/** Far beyond what any answer takes. */
const PATIENT = { timeoutMs: 10_000 };
const newObjects = () => connectObjects(server.url, `${crypto.randomUUID()}-`);

describe("where a record is", () => {
  it("golden: the object of a key and its name never change, or records would not be found", () => {
    const keys = ["A".repeat(43), "B".repeat(43), `${"A".repeat(42)}B`, "0123456789abcdefghijklmnopqrstuvwxyzABCDEF_"];
    expect(keys.map((key) => shardOf(key as StoreKey, 16))).toEqual([10, 5, 7, 11]);
    expect(keys.map((key) => shardOf(key as StoreKey, 1000))).toEqual([474, 37, 855, 763]);
    expect(objectName(3)).toBe("records-3");
  });

  it("the records of one scope are spread over all objects, evenly", () => {
    const counts = Array.from({ length: 16 }, () => 0);
    for (let count = 0; count < 16_000; count++) {
      const key = `${"s".repeat(16)}${newKey().slice(-27)}` as StoreKey;
      const shard = shardOf(key, 16);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
  });
});

describe("a store whose shards are not those of the records", () => {
  it.each([
    ["more", 32],
    ["fewer", 8],
  ])("because they are %s: verify() names the setting, and no verb reaches a record", async (_, shards) => {
    const objects = newObjects();
    await durableObjectStore({ ...PATIENT, namespace: objects.namespace }).acquire(asking());
    const store = durableObjectStore({ ...PATIENT, namespace: objects.namespace, shards });
    const { tier, findings } = await store.verify();
    expect(tier).toBe("T3");
    expect(findings).toMatchObject([{ setting: "shards", mend: expect.stringContaining("set shards to 16") }]);
    objects.calls.length = 0;
    for (const call of verbsOf(store)) await expect(call()).rejects.toMatchObject({ code: "store-unfit" });
    expect(new Set(objects.calls.map(({ method }) => method))).toEqual(new Set(["join"]));
  });

  it("of two that begin at once with different numbers exactly one may go on", async () => {
    const { namespace } = newObjects();
    const stores = [5, 6, 5, 6].map((shards) => durableObjectStore({ ...PATIENT, namespace, shards }));
    const found = await Promise.all(stores.map((store) => store.verify()));
    expect(found.map(({ findings }) => findings.length).sort()).toEqual([0, 0, 1, 1]);
  });

  it("is told so for good: the number survives a restart", async () => {
    const { namespace } = newObjects();
    await durableObjectStore({ ...PATIENT, namespace, shards: 7 }).verify();
    await server.restart();
    expect((await durableObjectStore({ ...PATIENT, namespace, shards: 7 }).verify()).findings).toEqual([]);
    expect((await durableObjectStore({ ...PATIENT, namespace, shards: 9 }).verify()).findings).toHaveLength(1);
  });
});

describe("a class without SQLite", () => {
  it("verify() names new_sqlite_classes, and every verb rejects", async () => {
    const old = await startDurableObjects({ sql: false });
    try {
      const store = durableObjectStore({ ...PATIENT, namespace: old.namespace });
      expect((await store.verify()).findings).toMatchObject([{ setting: "new_sqlite_classes" }]);
      for (const call of verbsOf(store)) await expect(call()).rejects.toMatchObject({ code: "store-unfit" });
    } finally {
      await old.close();
    }
  });
});
