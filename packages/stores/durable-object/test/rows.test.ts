import type { ScopeDigest, StoreKey } from "@onceover/core";
import { type DurableObjectServer, startDurableObjects } from "@onceover/test/durable-object-server";
import { connectObjects } from "@onceover/test/durable-objects";
import { asking, newKey, newToken } from "@onceover/test/store-calls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { durableObjectStore } from "../src/durable-object-store.js";

const DAY_MS = 86_400_000;

let server: DurableObjectServer;
beforeAll(async () => {
  server = await startDurableObjects();
});
afterAll(() => server.close());

/** One object for each test, so that what SQL says of it is all there is. */
let objects: ReturnType<typeof connectObjects>;
let store: ReturnType<typeof durableObjectStore>;
beforeEach(() => {
  objects = connectObjects(server.url, `${crypto.randomUUID()}-`);
  store = durableObjectStore({ namespace: objects.namespace, shards: 1, timeoutMs: 10_000 });
});

const sql = (query: string, ...bindings: readonly (string | number)[]) =>
  objects.call("records-0", "exec", query, ...bindings) as Promise<Record<string, unknown>[]>;

it("golden: a done record is this row", async () => {
  const request = asking({ key: "golden-key" as StoreKey });
  await store.acquire(request);
  await store.complete(request.key, request.token, new TextEncoder().encode("paid"), DAY_MS);
  const [row] = await sql("SELECT *, hex(answer) AS answer, typeof(fence) AS fence_type FROM records");
  expect(row).toEqual({
    key: "golden-key",
    version: 1,
    state: "done",
    token: request.token,
    fence: expect.any(Number),
    attempt: 1,
    fingerprint: "t1:request",
    lease_ends_ms: expect.any(Number),
    expires_ms: expect.any(Number),
    answer: "70616964",
    fence_type: "integer",
  });
});

describe.each([
  ["a later version", "UPDATE records SET version = 2"],
  ["a later version, expired by what this one makes of it", "UPDATE records SET version = 2, expires_ms = 1"],
  ["a state that this version does not know", "UPDATE records SET state = 'parked'"],
])("a record of %s", (_, plant) => {
  it.each(["running", "done"])("fails closed and stays as it was, where it is %s", async (state) => {
    const { key, token, fingerprint } = asking();
    await store.acquire(asking({ key, token, fingerprint }));
    if (state === "done") await store.complete(key, token, new Uint8Array(9), DAY_MS);
    await sql(plant);
    const before = await sql("SELECT *, hex(answer) AS answer FROM records");
    const calls = [
      () => store.acquire(asking({ key, token, fingerprint })),
      () => store.acquire(asking({ key, takeOver: true })),
      () => store.renew(key, token, 1000),
      () => store.complete(key, token, new Uint8Array(1), DAY_MS),
      () => store.abandon(key, token),
      () => store.read(key),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "record-unreadable" });
    expect(await sql("SELECT *, hex(answer) AS answer FROM records")).toEqual(before);
  });
});

describe("a record of a later version", () => {
  it("is not passed over by unknowns()", async () => {
    await store.acquire(asking());
    await sql("UPDATE records SET version = 2");
    await expect(store.unknowns()).rejects.toMatchObject({ code: "record-unreadable" });
  });

  it("is forgotten when it is told to be, by its key or its scope: that is the way out", async () => {
    const [one, other] = [asking(), asking({ key: `scope-of-another${newKey().slice(16)}` as StoreKey })];
    await store.acquire(one);
    await store.acquire(other);
    await sql("UPDATE records SET version = 2");
    expect(await store.forget(one.key)).toBe("ok");
    expect(await store.forgetScope("scope-of-another" as ScopeDigest)).toEqual({ forgotten: 1 });
    expect(await sql("SELECT key FROM records")).toEqual([]);
  });

  it("is left where it is by the alarm, and does not wake the object again and again", async () => {
    const [other, mine] = [asking(), asking({ retentionMs: 100 })];
    await store.acquire(other);
    await sql("UPDATE records SET version = 2, expires_ms = 1");
    await store.acquire(mine);
    await expect.poll(() => sql("SELECT key FROM records"), { timeout: 20_000 }).toEqual([{ key: other.key }]);
    expect(await sql("SELECT value FROM settings WHERE name = 'alarm_ms'")).toEqual([{ value: null }]);
  });
});

describe("a record that is large", () => {
  it("of 2,000,000 bytes less a kilobyte is kept, the most that the platform promises for a row", async () => {
    const { key, token } = asking();
    await store.acquire(asking({ key, token }));
    const record = Uint8Array.from({ length: 1_999_000 }, (_, index) => index % 251);
    expect(await store.complete(key, token, record, DAY_MS)).toBe("ok");
    const found = await store.read(key);
    expect(found.outcome === "done" && Buffer.compare(found.record, record)).toBe(0);
  });

  it("of 3 MB is store-full: it stays running, its owner's, and may be completed with a smaller one", async () => {
    const { key, token } = asking();
    await store.acquire(asking({ key, token }));
    const large = store.complete(key, token, new Uint8Array(3_000_000), DAY_MS);
    await expect(large).rejects.toMatchObject({ code: "store-full" });
    expect(await store.read(key)).toMatchObject({ outcome: "running" });
    expect(await store.acquire(asking({ key, token: newToken() }))).toMatchObject({ outcome: "running" });
    expect(await store.complete(key, token, new Uint8Array(9), DAY_MS)).toBe("ok");
    expect(await store.read(key)).toMatchObject({ outcome: "done" });
  });
});

it("a view is sent as the view, without the rest of its buffer", async () => {
  const { key, token } = asking();
  await store.acquire(asking({ key, token }));
  const sent: number[] = [];
  const { idFromName, get } = objects.namespace;
  const watching = durableObjectStore({
    shards: 1,
    timeoutMs: 10_000,
    namespace: {
      idFromName,
      get: (id) => {
        const stub = get(id);
        return {
          ...stub,
          complete: (...args) => {
            sent.push(args[2].buffer.byteLength);
            return stub.complete(...args);
          },
        };
      },
    },
  });
  expect(await watching.complete(key, token, new Uint8Array(1000).subarray(10, 20), DAY_MS)).toBe("ok");
  expect(sent).toEqual([10]);
});
