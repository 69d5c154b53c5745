import { describe, expect, it } from "vitest";
import { createRecordCache } from "../src/cache.js";
import type { RunRecord } from "../src/record.js";
import type { Fingerprint, StoreKey } from "../src/store.js";

const HEAD = { fingerprint: "t1:x" as Fingerprint, revision: "r", completedAtMs: 1, status: 200 };
const DAY_MS = 86_400_000;
const key = (name: string | number) => String(name) as StoreKey;
const answer = (bytes: number, headerBytes = 0): RunRecord => ({
  kind: "answer",
  ...HEAD,
  headers: headerBytes === 0 ? [] : [["X", "v".repeat(headerBytes - 1)]],
  chunks: [new Uint8Array(bytes)],
});

describe("the cache of done records", () => {
  it("keeps a record for a minute, or for its retention where that is shorter", () => {
    const cache = createRecordCache();
    cache.set(key("a"), answer(1), 1_000, DAY_MS);
    cache.set(key("b"), answer(1), 1_000, 10);
    expect(cache.get(key("a"), 60_999)).toBeDefined();
    expect(cache.get(key("a"), 61_000)).toBeUndefined();
    expect(cache.get(key("b"), 1_009)).toBeDefined();
    expect(cache.get(key("b"), 1_010)).toBeUndefined();
  });

  it("keeps the thousand records used last", () => {
    const cache = createRecordCache();
    for (let i = 0; i < 1_000; i += 1) cache.set(key(i), answer(1), 0, DAY_MS);
    cache.get(key(0), 0);
    cache.set(key("one more"), answer(1), 0, DAY_MS);
    expect(cache.get(key(0), 0)).toBeDefined();
    expect(cache.get(key(1), 0)).toBeUndefined();
  });

  it("keeps a thousand records and no more, whatever is deleted and asked for meanwhile", () => {
    const cache = createRecordCache();
    const kept = (names: number) =>
      Array.from({ length: names }, (_, i) => cache.get(key(i), 0)).filter(Boolean).length;
    for (let i = 0; i < 5_000; i += 1) {
      cache.set(key(i), answer(1), 0, DAY_MS);
      cache.get(key(i - 900), 0);
      if (i % 7 === 0) cache.delete(key(i - 3));
    }
    for (let i = 0; i < 5_000; i += 1) cache.delete(key(i));
    for (let i = 0; i < 3_000; i += 1) cache.set(key(i), answer(1), 0, DAY_MS);
    expect(kept(2_000)).toBe(0);
    expect(kept(3_000)).toBe(1_000);
  });

  it("keeps answers of at most 16 KiB, header and body, and still says how a longer one is replayed", () => {
    const cache = createRecordCache();
    const isCached = (name: string) => cache.get(key(name), 0) !== undefined;
    cache.set(key("fits"), answer(16_384), 0, DAY_MS);
    cache.set(key("fits with header"), answer(16_000, 384), 0, DAY_MS);
    const long = cache.set(key("long"), answer(16_385), 0, DAY_MS);
    cache.set(key("long header"), answer(0, 16_385), 0, DAY_MS);
    expect(long.replay?.status).toBe(200);
    for (const name of ["fits", "fits with header"]) expect(isCached(name), name).toBe(true);
    for (const name of ["long", "long header"]) expect(isCached(name), name).toBe(false);
  });

  it("forgets what is deleted, and has no replay for a tombstone", () => {
    const cache = createRecordCache();
    expect(cache.set(key("a"), { kind: "cut", ...HEAD }, 0, DAY_MS).replay).toBeUndefined();
    expect(cache.get(key("a"), 0)).toBeDefined();
    cache.delete(key("a"));
    expect(cache.get(key("a"), 0)).toBeUndefined();
  });
});
