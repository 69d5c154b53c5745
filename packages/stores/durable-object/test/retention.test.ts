import type { StoreKey } from "@onceover/core";
import { type DurableObjectServer, startDurableObjects } from "@onceover/test/durable-object-server";
import { connectObjects } from "@onceover/test/durable-objects";
import { asking } from "@onceover/test/store-calls";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { durableObjectStore } from "../src/durable-object-store.js";

const HOUR_MS = 3_600_000;
const CAP = { timeout: 20_000, interval: 50 };

let server: DurableObjectServer;
beforeAll(async () => {
  server = await startDurableObjects();
});
afterAll(() => server.close());

let objects: ReturnType<typeof connectObjects>;
let store: ReturnType<typeof durableObjectStore>;
beforeEach(() => {
  objects = connectObjects(server.url, `${crypto.randomUUID()}-`);
  store = durableObjectStore({ namespace: objects.namespace, shards: 1, timeoutMs: 10_000 });
});

const sql = (query: string) => objects.call("records-0", "exec", query) as Promise<Record<string, unknown>[]>;
const alarmMs = async () => Number((await sql("SELECT value FROM settings WHERE name = 'alarm_ms'"))[0]?.value);
const keys = async () => (await sql("SELECT key FROM records ORDER BY key")).map(({ key }) => key as StoreKey);

it("the alarm deletes what has expired, leaves what has not, and is set for that, once for all", async () => {
  const [long, longer, short] = [asking(), asking(), asking({ leaseMs: 50, retentionMs: 50 })];
  await store.acquire(long);
  const firstMs = await alarmMs();
  await store.acquire(longer);
  expect(await alarmMs()).toBe(firstMs);
  await store.acquire(short);
  expect(await alarmMs()).toBeLessThan(firstMs);
  await expect.poll(keys, CAP).toEqual([long.key, longer.key].sort());
  expect(await alarmMs()).toBe(firstMs);
});

it("the alarm deletes a thousand expired records, batch after batch, and is not set where none is left", async () => {
  await store.acquire(asking());
  await sql("UPDATE records SET expires_ms = 1");
  await sql(`WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 1000)
    INSERT INTO records SELECT 'key-' || n, 1, 'done', 'token', 1, 1, 'print', 1, 1, NULL FROM counted`);
  expect(await keys()).toHaveLength(1001);
  await store.acquire(asking({ leaseMs: 50, retentionMs: 50 }));
  // The last one may not have expired when the alarm rang, and then waits for the next time.
  await expect.poll(keys, { ...CAP, timeout: 45_000 }).toEqual([]);
  expect(await sql("SELECT value FROM settings WHERE name = 'alarm_ms'")).toEqual([{ value: null }]);
}, 60_000);

it("the alarm rings half a minute after it last did at the earliest, however much has expired since", async () => {
  const [first, next] = [asking({ leaseMs: 50, retentionMs: 50 }), asking({ leaseMs: 900, retentionMs: 900 })];
  await store.acquire(next);
  await store.acquire(first);
  await expect.poll(keys, CAP).not.toContain(first.key);
  const left = await keys();
  // On a machine that was held up both may have expired by the time that the alarm rang.
  const nextMs = left.includes(next.key) ? await alarmMs() : Number.POSITIVE_INFINITY;
  expect(nextMs).toBeGreaterThan(Date.now() + 20_000);
});

it("the alarm rings after the object was killed, too", async () => {
  await store.acquire(asking({ leaseMs: 500, retentionMs: 500 }));
  await server.restart();
  await expect.poll(keys, CAP).toEqual([]);
});

it("an alarm that the platform has given up is set again by the next write", async () => {
  await store.acquire(asking());
  const expired = await keys();
  await sql(`UPDATE records SET expires_ms = ${Date.now() - 3 * HOUR_MS}`);
  await sql(`UPDATE settings SET value = ${Date.now() - 2 * HOUR_MS} WHERE name = 'alarm_ms'`);
  // So that the object looks at what it has noted.
  await server.restart();
  const { key } = asking();
  await store.acquire(asking({ key }));
  await expect.poll(keys, CAP).toEqual([key]);
  expect(expired).toHaveLength(1);
  expect(await alarmMs()).toBeGreaterThan(Date.now());
});
