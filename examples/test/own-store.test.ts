import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeStore } from "@onceover/conformance";
import type { StoreKey } from "@onceover/core";
import { type Database, open } from "lmdb";
import { describe, expect, it } from "vitest";
import { type Kv, kvStore } from "../own-store.js";

const PAGE = 100;

/** In memory, where others come in between any two calls. */
function memoryKv(): Kv {
  const entries = new Map<string, { readonly value: string; readonly version: string }>();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  let versions = 0;
  return {
    async get(key) {
      await turn();
      return entries.get(key);
    },
    async put(key, value, version) {
      await turn();
      if (entries.get(key)?.version !== version) return false;
      if (value === undefined) entries.delete(key);
      else entries.set(key, { value, version: String(++versions) });
      return true;
    },
    async keys(prefix, after) {
      const inOrder = [...entries.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      return inOrder.slice(0, PAGE);
    },
  };
}

/** On a disk: LMDB's own versions and conditional writes. */
function lmdbKv(entries: Database<string, string>): Kv {
  return {
    async get(key) {
      entries.resetReadTxn();
      const entry = entries.getEntry(key);
      return entry && { value: entry.value, version: String(entry.version) };
    },
    put(key, value, version) {
      const write = () => void (value === undefined ? entries.remove(key) : entries.put(key, value, Math.random()));
      return version === undefined ? entries.ifNoExists(key, write) : entries.ifVersion(key, Number(version), write);
    },
    async keys(prefix, after) {
      entries.resetReadTxn();
      const start = after === "" ? prefix : `${after}\u0000`;
      return [...entries.getKeys({ start, limit: PAGE })].filter((key) => key.startsWith(prefix));
    },
  };
}

describeStore("the example of a store of one's own, in memory", {
  capabilities: { tier: "T1", durable: false },
  async open() {
    const kv = memoryKv();
    let nowMs = 1_700_000_000_000;
    const handle = () => kvStore(kv, { nowMs: () => nowMs });
    const advance = (ms: number) => {
      nowMs += ms;
    };
    return { store: handle(), second: async () => handle(), advance, close: async () => {} };
  },
});

describeStore("the example of a store of one's own, on a disk", {
  capabilities: { tier: "T1", durable: true },
  async open() {
    const folder = mkdtempSync(join(tmpdir(), "onceover-own-"));
    const roots: ReturnType<typeof open>[] = [];
    const handle = () => {
      const root = open({ path: join(folder, "kv"), eventTurnBatching: false });
      roots.push(root);
      const entries = root.openDB<string, string>({ name: "records", useVersions: true, encoding: "string" });
      return kvStore(lmdbKv(entries), { timeoutMs: 10_000 });
    };
    const closeAll = () => Promise.all(roots.splice(0).map((root) => root.close()));
    return {
      store: handle(),
      second: async () => handle(),
      async reopen() {
        await closeAll();
        return handle();
      },
      async close() {
        await closeAll();
        rmSync(folder, { recursive: true });
      },
    };
  },
});

describe("the example of a store of one's own", () => {
  const key = "k".repeat(43) as StoreKey;

  it("says record-unreadable of another layout, and leaves it until it is told to forget it", async () => {
    const kv = memoryKv();
    const value = '{"layout":2}';
    await kv.put(key, value, undefined, 0);
    await expect(kvStore(kv).read(key)).rejects.toMatchObject({ code: "record-unreadable" });
    expect((await kv.get(key))?.value).toBe(value);
    expect(await kvStore(kv).forget(key)).toBe("ok");
  });

  it("gives up a call at its deadline, and says nothing of what the client says", async () => {
    const hanging: Kv = { ...memoryKv(), get: () => new Promise(() => {}) };
    await expect(kvStore(hanging, { timeoutMs: 20 }).read(key)).rejects.toMatchObject({ code: "store-unavailable" });
    const quoting: Kv = { ...memoryKv(), get: (quoted) => Promise.reject(new Error(`no ${quoted}`)) };
    const failed = await kvStore(quoting)
      .read(key)
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "store-unavailable" });
    expect(JSON.stringify(failed) + String(failed)).not.toContain(key);
  });

  it("stops asking at the deadline where others are always faster", async () => {
    let asked = 0;
    const kv: Kv = {
      ...memoryKv(),
      async put() {
        asked++;
        return false;
      },
    };
    const store = kvStore(kv, { timeoutMs: 50 });
    const claim = { key, token: "t", fingerprint: "t1:x", leaseMs: 1000, retentionMs: 1000 };
    await expect(store.acquire(claim as never)).rejects.toMatchObject({ code: "store-unavailable" });
    const before = asked;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked - before).toBeLessThan(2);
  });
});
