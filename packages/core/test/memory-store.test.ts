import { describeStore, type StoreHarness } from "@onceover/conformance";
import {
  type AcquireRequest,
  type Fingerprint,
  type MemoryStoreOptions,
  memoryStore,
  type OwnerToken,
  type StoreKey,
} from "@onceover/core";
import { describe, expect, it } from "vitest";

const DAY_MS = 86_400_000;

function openMemory(options: MemoryStoreOptions = {}) {
  let nowMs = 1_700_000_000_000;
  const store = memoryStore({ ...options, nowMs: () => nowMs });
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { store, advance };
}

async function openHarness(options?: MemoryStoreOptions): Promise<StoreHarness> {
  const { store, advance } = openMemory(options);
  return { store, advance, second: async () => store, close: () => store.close() };
}

function asking(name: string, over: Partial<AcquireRequest> = {}): AcquireRequest {
  const key = name as StoreKey;
  const token = `owner-of-${name}` as OwnerToken;
  return { key, token, fingerprint: "t1:x" as Fingerprint, leaseMs: 1_000, retentionMs: DAY_MS, ...over };
}

describeStore("memory", {
  capabilities: { tier: "T0", durable: false },
  open: () => openHarness(),
  openSmall: () => openHarness({ maxBytes: 1024 * 1024 }),
});

describeStore("memory on the real clock", {
  capabilities: { tier: "T0", durable: false },
  async open() {
    const store = memoryStore();
    return { store, second: async () => store, close: () => store.close() };
  },
  openSmall: () => openHarness({ maxRecords: 100 }),
});

describe("memoryStore", () => {
  it("refuses a new key at maxRecords, still serves the keys it has, and takes new ones once records expired", async () => {
    const { store, advance } = openMemory({ maxRecords: 3 });
    for (const name of ["a", "b", "c"]) await store.acquire(asking(name));
    await expect(store.acquire(asking("d"))).rejects.toMatchObject({ code: "store-full" });
    expect(await store.acquire(asking("a"))).toMatchObject({ outcome: "acquired", attempt: 1 });
    expect(await store.complete(asking("b").key, asking("b").token, new Uint8Array(9), 2 * DAY_MS)).toBe("ok");
    advance(DAY_MS);
    for (const name of ["d", "e"]) expect(await store.acquire(asking(name))).toMatchObject({ outcome: "acquired" });
    await expect(store.acquire(asking("f"))).rejects.toMatchObject({ code: "store-full" });
    expect(await store.read(asking("b").key)).toMatchObject({ outcome: "done" });
  });

  it("takes a new key at maxRecords when one was forgotten", async () => {
    const { store } = openMemory({ maxRecords: 1 });
    await store.acquire(asking("a"));
    await store.forget(asking("a").key);
    expect(await store.acquire(asking("b"))).toMatchObject({ outcome: "acquired" });
  });

  it("refuses new keys from seven eighths of maxBytes on, and completes runs under way up to maxBytes", async () => {
    const { store } = openMemory({ maxBytes: 800 });
    for (const name of ["a", "b", "c"]) await store.acquire(asking(name));
    const complete = (name: string, size: number) =>
      store.complete(asking(name).key, asking(name).token, new Uint8Array(size), DAY_MS);
    expect(await complete("a", 700)).toBe("ok");
    await expect(store.acquire(asking("d"))).rejects.toMatchObject({ code: "store-full" });
    expect(await complete("b", 100)).toBe("ok");
    await expect(complete("c", 1)).rejects.toMatchObject({ code: "store-full" });
  });

  it("leaves a record running whose answer did not fit, for its owner to complete with a smaller one", async () => {
    const { store } = openMemory({ maxBytes: 800 });
    const { key, token } = asking("a");
    await store.acquire(asking("a"));
    await expect(store.complete(key, token, new Uint8Array(801), DAY_MS)).rejects.toMatchObject({ code: "store-full" });
    expect(await store.read(key)).toMatchObject({ outcome: "running" });
    expect(await store.complete(key, token, new Uint8Array(8), DAY_MS)).toBe("ok");
  });

  it("gives back the bytes of answers that expired or were forgotten", async () => {
    const { store, advance } = openMemory({ maxBytes: 800 });
    for (let round = 0; round < 20; round++) {
      const { key, token } = asking(`round-${round}`);
      await store.acquire(asking(`round-${round}`));
      expect(await store.complete(key, token, new Uint8Array(700), DAY_MS)).toBe("ok");
      if (round % 2 === 0) await store.forget(key);
      else advance(DAY_MS);
    }
  });

  it("drops expired records in the order they expire, whatever order they came, changed and were forgotten in", async () => {
    const { store, advance } = openMemory({ maxRecords: 200 });
    const retentionOf = (i: number) => 1_000 * (1 + ((i * 7919) % 200));
    for (let i = 0; i < 200; i++) await store.acquire(asking(`k${i}`, { retentionMs: 50_000 + i }));
    for (let i = 0; i < 200; i++) {
      await store.complete(asking(`k${i}`).key, asking(`k${i}`).token, new Uint8Array(1), retentionOf(i));
    }
    for (let i = 0; i < 200; i += 10) await store.forget(asking(`k${i}`).key);
    const alive = async () => {
      let count = 0;
      for (let i = 0; i < 200; i++) if ((await store.read(asking(`k${i}`).key)).outcome === "done") count++;
      return count;
    };
    let added = 0;
    for (let second = 1; second <= 100; second++) {
      advance(1_000);
      // Room for exactly as many as were forgotten or expired, and for not one more.
      const room = 200 - (await alive()) - added;
      for (let i = 0; i < room; i++) await store.acquire(asking(`new-${added++}`, { retentionMs: 30 * DAY_MS }));
      await expect(store.acquire(asking("one-more"))).rejects.toMatchObject({ code: "store-full" });
    }
    expect(added).toBeGreaterThan(100);
  });

  it("rejects every verb after close with store-unavailable, instead of starting again with nothing", async () => {
    const { store } = openMemory();
    await store.acquire(asking("a"));
    await store.close();
    const { key, token } = asking("a");
    const calls = [
      () => store.acquire(asking("a")),
      () => store.renew(key, token, 1),
      () => store.complete(key, token, new Uint8Array(0), 1),
      () => store.abandon(key, token),
      () => store.read(key),
      () => store.forget(key),
      () => store.unknowns(),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "store-unavailable" });
  });

  it("refuses a cursor that unknowns() did not give", async () => {
    await expect(openMemory().store.unknowns("first")).rejects.toThrow(
      "cursor must be one that unknowns() gave, got first",
    );
  });

  it("names option, rule and value when an option is out of range", () => {
    expect(() => memoryStore({ maxRecords: 0 })).toThrow(
      "maxRecords must be a positive whole number of records, got 0",
    );
    expect(() => memoryStore({ maxBytes: 1.5 })).toThrow("maxBytes must be a positive whole number of bytes, got 1.5");
    expect(() => memoryStore({ nowMs: 5 as never })).toThrow("nowMs must be a function, got 5");
  });
});
