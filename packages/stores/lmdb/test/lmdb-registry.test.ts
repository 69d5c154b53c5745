import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeRegistry, type RegistryHarness } from "@onceover/conformance";
import type { RevisionRegistry } from "@onceover/core/revisions";
import { open } from "lmdb";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { type LmdbRegistryOptions, lmdbRegistry, lmdbStore } from "../src/index.js";
import { asking } from "./asking.js";
import { startOtherProcess } from "./other-process.js";

const disk = vi.hoisted(() => ({ freeBytes: undefined as number | undefined }));
vi.mock("../src/room.js", async (original) => {
  const room = await original<typeof import("../src/room.js")>();
  return { ...room, freeBytes: (directory: string) => disk.freeBytes ?? room.freeBytes(directory) };
});

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SERVICE = "s".repeat(43);
const shared = startOtherProcess();
const directory = mkdtempSync(join(tmpdir(), "onceover-lmdb-"));
let files = 0;
const newPath = () => join(directory, `revisions-${++files}.lmdb`);

const opened: RevisionRegistry[] = [];
function here(path: string, over: Partial<LmdbRegistryOptions> = {}): RevisionRegistry {
  const registry = lmdbRegistry({ path, ...over });
  opened.push(registry);
  return registry;
}

afterEach(async () => {
  disk.freeBytes = undefined;
  await Promise.all(opened.splice(0).map((registry) => registry.close()));
});
afterAll(async () => {
  await shared.end();
  rmSync(directory, { recursive: true });
});

describeRegistry("lmdb, two handles in one process, in the file of a store", {
  async open(): Promise<RegistryHarness> {
    let now = 1_700_000_000_000;
    const path = newPath();
    const nowMs = () => now;
    const store = lmdbStore({ path, nowMs });
    await store.acquire(asking("k", "t"));
    return {
      registry: here(path, { nowMs }),
      second: async () => here(path, { nowMs }),
      advance(ms) {
        now += ms;
      },
      close: () => Promise.resolve(store.close()),
    };
  },
});

describeRegistry("lmdb, this process and another, on the real clock", {
  async open(): Promise<RegistryHarness> {
    const path = newPath();
    const other = shared.registry(path);
    return {
      registry: here(path),
      second: async () => other,
      close: async () => other.close(),
    };
  },
});

/** The entries of the file, past the registry. */
function openRaw(path: string) {
  const root = open({ path, noSubdir: true, overlappingSync: false, eventTurnBatching: false });
  const entries = root.openDB<Buffer, string>({ name: "revisions", encoding: "binary", useVersions: true });
  const keys = () => {
    entries.resetReadTxn();
    return Array.from(entries.getKeys());
  };
  return { root, entries, keys };
}

describe("lmdbRegistry", () => {
  it("golden: an entry, byte for byte, and its key", async () => {
    const path = newPath();
    const registry = here(path, { nowMs: () => 1_700_000_000_000 });
    await registry.write(SERVICE, "r42", "é", 2_000);
    const { root, entries, keys } = openRaw(path);
    expect(keys()).toEqual([`${SERVICE} r42`]);
    expect(entries.getBinary(`${SERVICE} r42`)?.toString("hex")).toBe(
      [
        "01", // version
        "4278bcfe56800000", // written first
        "4278bcfe56800000", // written last
        "409f400000000000", // kept for 2,000 ms
        "c3a9", // é
      ].join(""),
    );
    await root.close();
  });

  it("one entry of another version fails closed: no list, no write over it, no count; the way out is remove()", async () => {
    const path = newPath();
    const registry = here(path);
    await registry.write(SERVICE, "r1", "text", DAY_MS);
    const { root, entries } = openRaw(path);
    for (const bytes of [Buffer.alloc(40, 2), Buffer.from([1]), Buffer.alloc(0)]) {
      await entries.put(`${SERVICE} r2`, bytes, 7);
      const calls = [
        () => registry.list(SERVICE),
        () => registry.write(SERVICE, "r2", "text", DAY_MS),
        () => registry.count(SERVICE, "r2", DAY_MS),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "store-unavailable" });
      await registry.write(SERVICE, "r1", "text", DAY_MS);
      entries.resetReadTxn();
      expect(entries.getEntry(`${SERVICE} r2`)).toEqual({ value: bytes, version: 7 });
      expect(await registry.remove(SERVICE, "r2")).toBe("ok");
      expect((await registry.list(SERVICE)).map(({ id }) => id)).toEqual(["r1"]);
    }
    await root.close();
  });

  it("a clock that is set back makes no age negative, and ages grow again from the next writing", async () => {
    let now = 1_700_000_000_000;
    const registry = here(newPath(), { nowMs: () => now });
    await registry.write(SERVICE, "r1", "first", DAY_MS);
    now += 1_000;
    await registry.write(SERVICE, "r1", "second", DAY_MS);
    now -= HOUR_MS;
    expect(await registry.list(SERVICE)).toEqual([{ id: "r1", text: "second", ageMs: 0, sinceMs: 0 }]);
    await registry.write(SERVICE, "r1", "third", DAY_MS);
    now += 10;
    expect(await registry.list(SERVICE)).toEqual([{ id: "r1", text: "third", ageMs: 10, sinceMs: 10 }]);
    await registry.write(SERVICE, "r1", "fourth", DAY_MS);
    now += 10;
    expect(await registry.list(SERVICE)).toEqual([{ id: "r1", text: "fourth", ageMs: 10, sinceMs: 20 }]);
  });

  it("a revision that is gone when the clock is set back grows old from the next write of its service on, and ends", async () => {
    const path = newPath();
    let now = 1_700_000_000_000;
    const registry = here(path, { nowMs: () => now });
    await registry.write(SERVICE, "gone", "text", 60_000);
    now -= HOUR_MS;
    await registry.write(SERVICE, "live", "text", 60_000);
    const ages = async () => Object.fromEntries((await registry.list(SERVICE)).map(({ id, ageMs }) => [id, ageMs]));
    const { root, entries } = openRaw(path);
    const goneSince = () => {
      entries.resetReadTxn();
      return entries.getBinary(`${SERVICE} gone`)?.readDoubleBE(9);
    };
    await expect.poll(goneSince, { timeout: 20_000 }).toBe(now);
    now += 59_999;
    expect(await ages()).toEqual({ gone: 59_999, live: 59_999 });
    now += 1;
    expect(await ages()).toEqual({});
    await root.close();
  });

  it("entries that have ended are removed by the next write of their service, and none that is kept", async () => {
    const path = newPath();
    let now = 1_700_000_000_000;
    const registry = here(path, { nowMs: () => now });
    for (let i = 0; i < 20; i++) await registry.write(SERVICE, `old-${i}`, "text", 1_000);
    await registry.write(SERVICE, "kept", "text", DAY_MS);
    now += 1_000;
    await registry.write(SERVICE, "new", "text", DAY_MS);
    const { root, keys } = openRaw(path);
    await expect.poll(keys, { timeout: 20_000 }).toEqual([`${SERVICE} kept`, `${SERVICE} new`]);
    await root.close();
  });

  it("what was announced is there after a restart", async () => {
    const path = newPath();
    const first = lmdbRegistry({ path });
    await first.write(SERVICE, "r1", "text", DAY_MS);
    await first.count(SERVICE, "epoch", DAY_MS);
    await first.close();
    const again = here(path);
    expect((await again.list(SERVICE)).map(({ id, text }) => [id, text])).toEqual([
      ["epoch", "1"],
      ["r1", "text"],
    ]);
    expect(await again.count(SERVICE, "epoch", DAY_MS)).toBe(2);
  });

  it("close() lets calls under way finish, leaves the store of the same file open, and later calls reject", async () => {
    const path = newPath();
    const [store, registry] = [lmdbStore({ path }), lmdbRegistry({ path })];
    const underWay = registry.write(SERVICE, "r1", "text", DAY_MS);
    await Promise.all([registry.close(), registry.close()]);
    await underWay;
    const calls = [
      () => registry.write(SERVICE, "r1", "text", DAY_MS),
      () => registry.count(SERVICE, "r1", DAY_MS),
      () => registry.list(SERVICE),
      () => registry.remove(SERVICE, "r1"),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "store-unavailable" });
    expect(await store.acquire(asking("k", "t"))).toMatchObject({ outcome: "acquired" });
    await store.close();
  });

  it("below 8 MiB of free disk nothing is written, and what is there is still listed", async () => {
    const registry = here(newPath());
    await registry.write(SERVICE, "r1", "text", DAY_MS);
    disk.freeBytes = 8 * 1024 * 1024 - 1;
    const full = { code: "store-unavailable", message: expect.stringContaining("nearly full") };
    await expect(registry.write(SERVICE, "r2", "text", DAY_MS)).rejects.toMatchObject(full);
    await expect(registry.count(SERVICE, "epoch", DAY_MS)).rejects.toMatchObject(full);
    expect((await registry.list(SERVICE)).map(({ id }) => id)).toEqual(["r1"]);
  });

  it("while a paused process holds the writer lock: writes reject in time, and list() answers", async () => {
    const path = newPath();
    const registry = here(path, { timeoutMs: 300 });
    await registry.write(SERVICE, "r1", "text", DAY_MS);
    const holder = startOtherProcess();
    const resumed = holder.stopInsideLock(path).catch(() => undefined);
    let stuck = 0;
    const writing = () =>
      registry.write(SERVICE, `stuck-${++stuck}`, "text", DAY_MS).catch(({ code }: { readonly code: string }) => code);
    await expect.poll(writing, { timeout: 20_000 }).toBe("store-unavailable");
    await expect(registry.count(SERVICE, "epoch", DAY_MS)).rejects.toMatchObject({ code: "store-unavailable" });
    expect((await registry.list(SERVICE)).map(({ id }) => id)).toContain("r1");
    await holder.end();
    await resumed;
    await expect.poll(writing, { timeout: 20_000 }).toBe(undefined);
  });

  it("names option, rule and value when an option is out of range", () => {
    const refused = (options: object) => expect(() => lmdbRegistry({ path: newPath(), ...options }));
    refused({ path: "" }).toThrow(new TypeError('path must be the path of a file, got ""'));
    refused({ path: directory }).toThrow("path must be the path of a file, got the directory");
    refused({ timeoutMs: 0 }).toThrow("timeoutMs must be a positive number of milliseconds below 2^31, got 0");
    refused({ nowMs: 5 }).toThrow("nowMs must be a function, got 5");
  });
});
