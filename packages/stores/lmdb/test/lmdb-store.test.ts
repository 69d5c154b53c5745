import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeStore, type StoreHarness } from "@onceover/conformance";
import type { ScopeDigest } from "@onceover/core";
import { open } from "lmdb";
import { afterAll, describe, expect, it } from "vitest";
import { findingsOfType } from "../src/findings.js";
import { lmdbStore } from "../src/index.js";
import { watchRoom } from "../src/room.js";
import { asking } from "./asking.js";

async function openOnFakeClock(maxBytes?: number): Promise<StoreHarness> {
  const directory = mkdtempSync(join(tmpdir(), "onceover-lmdb-"));
  let now = 1_700_000_000_000;
  const handles: ReturnType<typeof lmdbStore>[] = [];
  const handle = () => {
    const store = lmdbStore({
      path: join(directory, "records.lmdb"),
      nowMs: () => now,
      ...(maxBytes === undefined ? {} : { maxBytes }),
    });
    handles.push(store);
    return store;
  };
  const closeAll = () => Promise.all(handles.splice(0).map((store) => store.close()));
  return {
    store: handle(),
    second: async () => handle(),
    advance(ms) {
      now += ms;
    },
    async reopen() {
      await closeAll();
      return handle();
    },
    async close() {
      await closeAll();
      rmSync(directory, { recursive: true });
    },
  };
}

describeStore("lmdb, two handles in one process", {
  capabilities: { tier: "T3", durable: true },
  open: () => openOnFakeClock(),
  openSmall: () => openOnFakeClock(2 * 1024 * 1024),
});

const DAY_MS = 86_400_000;
const directory = mkdtempSync(join(tmpdir(), "onceover-lmdb-"));
let files = 0;
const newPath = () => join(directory, `records-${++files}.lmdb`);

afterAll(() => rmSync(directory, { recursive: true }));

/** The entries of the file, past the store. */
function openRaw(path: string) {
  const root = open({ path, noSubdir: true, overlappingSync: false, eventTurnBatching: false });
  const records = root.openDB<Buffer, string>({ name: "records", encoding: "binary", useVersions: true });
  return { root, records };
}

describe("lmdbStore", () => {
  it("makes missing directories, the file at exactly the path given, and LMDB's lock file beside it", async () => {
    const path = join(directory, "a", "b", "records");
    const store = lmdbStore({ path });
    await store.acquire(asking("k", "t"));
    await store.close();
    expect(existsSync(path) && existsSync(`${path}-lock`)).toBe(true);
  });

  it("rejects record-unreadable for a record of another version, writes nothing, and forgets it when told to", async () => {
    const path = newPath();
    const store = lmdbStore({ path });
    const { root, records } = openRaw(path);
    const { key, token } = asking("newer", "t");
    const newer = Buffer.from([2, 0, 1, 2, 3]);
    for (const bytes of [newer, Buffer.from([1]), Buffer.alloc(40, 1)]) {
      await records.put(key, bytes, 7);
      const calls = [
        () => store.acquire({ ...asking("newer", "t"), takeOver: true }),
        () => store.renew(key, token, 1_000),
        () => store.complete(key, token, new Uint8Array(1), DAY_MS),
        () => store.abandon(key, token),
        () => store.read(key),
        () => store.unknowns(),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "record-unreadable" });
      records.resetReadTxn();
      expect(records.getEntry(key)).toEqual({ value: bytes, version: 7 });
    }
    expect(await store.forget(key)).toBe("ok");
    await records.put(key, newer, 7);
    expect(await store.forgetScope("newe" as ScopeDigest)).toEqual({ forgotten: 1 });
    expect(await store.acquire(asking("newer", "t"))).toMatchObject({ outcome: "acquired", attempt: 1 });
    await Promise.all([store.close(), root.close()]);
  });

  it("golden: the envelope of a running record, byte for byte", async () => {
    const path = newPath();
    const store = lmdbStore({ path, nowMs: () => 1_700_000_000_000 });
    const { root, records } = openRaw(path);
    await store.acquire(asking("k", "tok", { leaseMs: 1_000, retentionMs: 2_000 }));
    records.resetReadTxn();
    expect(records.getBinary("k")?.toString("hex")).toBe(
      [
        "01", // version
        "00", // running
        "00000001", // attempt
        "4278bcfe56800000", // fence
        "4278bcfe56be8000", // lease ends
        "4278bcfe56fd0000", // retention ends
        "03746f6b", // tok
        "0a74313a72657175657374", // t1:request
      ].join(""),
    );
    await Promise.all([store.close(), root.close()]);
  });

  it("removes expired records while new ones are made, and never a live one", async () => {
    const path = newPath();
    let now = 1_700_000_000_000;
    const store = lmdbStore({ path, nowMs: () => now });
    const { root, records } = openRaw(path);
    for (let i = 0; i < 400; i++) await store.acquire(asking(`old-${i}`, "t", { retentionMs: 1_000 }));
    for (let i = 0; i < 100; i++) await store.acquire(asking(`kept-${i}`, "t"));
    now += 1_000;
    for (let i = 0; i < 200; i++) await store.acquire(asking(`new-${i}`, "t"));
    await store.close();
    records.resetReadTxn();
    const keys = Array.from(records.getKeys());
    expect(keys.filter((key) => key.startsWith("old")).length).toBe(0);
    expect(keys.length).toBe(300);
    await root.close();
  });

  it("drops the answer of an expired record when its key is acquired again", async () => {
    const path = newPath();
    let now = 1_700_000_000_000;
    const store = lmdbStore({ path, nowMs: () => now });
    const { root } = openRaw(path);
    const answers = root.openDB<Buffer, string>({ name: "answers", encoding: "binary" });
    const { key, token } = asking("k", "t");
    await store.acquire(asking("k", "t"));
    await store.complete(key, token, Buffer.from("old"), 1_000);
    now += 1_000;
    await store.acquire(asking("k", "u"));
    answers.resetReadTxn();
    expect(answers.doesExist(key)).toBe(false);
    await Promise.all([store.close(), root.close()]);
  });

  it("close() twice is one close, lets calls under way finish, and later calls reject with store-unavailable", async () => {
    const store = lmdbStore({ path: newPath() });
    const { key, token } = asking("k", "t");
    const underWay = store.acquire(asking("k", "t"));
    await Promise.all([store.close(), store.close()]);
    expect(await underWay).toMatchObject({ outcome: "acquired" });
    const calls = [
      () => store.acquire(asking("k", "t")),
      () => store.renew(key, token, 1),
      () => store.complete(key, token, new Uint8Array(0), 1),
      () => store.abandon(key, token),
      () => store.read(key),
      () => store.forget(key),
      () => store.unknowns(),
      () => store.verify(),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "store-unavailable" });
  });

  it("close() of one handle leaves another handle of the same process on the file open", async () => {
    const path = newPath();
    const [one, other] = [lmdbStore({ path }), lmdbStore({ path })];
    await one.acquire(asking("k", "t"));
    await one.close();
    expect(await other.acquire(asking("k", "u"))).toMatchObject({ outcome: "running" });
    expect(await other.acquire(asking("l", "u"))).toMatchObject({ outcome: "acquired" });
    await other.close();
  });

  it("names option, rule and value when an option is out of range", () => {
    const path = newPath();
    const refused = (options: object) => expect(() => lmdbStore({ path, ...options }));
    refused({ path: "" }).toThrow('path must be the path of a file, got ""');
    refused({ path: 5 }).toThrow("path must be the path of a file, got 5");
    refused({ path: directory }).toThrow("path must be the path of a file, got the directory");
    refused({ path: "records/" }).toThrow('path must be the path of a file, got the directory "records/"');
    refused({ maxBytes: 0 }).toThrow("maxBytes must be a positive number of bytes, got 0");
    refused({ timeoutMs: -1 }).toThrow("timeoutMs must be a positive number of milliseconds below 2^31, got -1");
    refused({ timeoutMs: Number.NaN }).toThrow(
      "timeoutMs must be a positive number of milliseconds below 2^31, got NaN",
    );
    refused({ timeoutMs: 2 ** 31 }).toThrow(
      "timeoutMs must be a positive number of milliseconds below 2^31, got 2147483648",
    );
    refused({ nowMs: 5 }).toThrow("nowMs must be a function, got 5");
    expect(existsSync(path)).toBe(false);
  });

  it("verify() names the path and the mend on a file system in memory or over a network, and nothing on a disk", () => {
    expect(findingsOfType(0xef53)).toEqual([]);
    expect(findingsOfType(0x01021994)).toMatchObject([{ setting: "path", problem: expect.stringContaining("tmpfs") }]);
    expect(findingsOfType(0x6969)).toMatchObject([{ setting: "path", problem: expect.stringContaining("NFS") }]);
  });
});

describe("room in the file", () => {
  const MIB = 1024 * 1024;

  it("is refused to new keys from seven eighths of maxBytes on, and to answers beyond maxBytes", () => {
    let used = 6 * MIB;
    const room = watchRoom({ used: () => used, free: () => 1024 * MIB }, 8 * MIB);
    expect([room.forNewKey(), room.forAnswer(MIB)]).toEqual([true, true]);
    used = 7 * MIB;
    expect(room.forNewKey()).toBe(false);
    expect([room.forAnswer(MIB / 2), room.forAnswer(MIB)]).toEqual([true, false]);
  });

  it("is refused to new keys below 64 MiB of free disk, and to answers below 8 MiB", () => {
    let free = 65 * MIB;
    const room = watchRoom({ used: () => 0, free: () => free }, 1024 * MIB);
    expect(room.forNewKey()).toBe(true);
    free = 63 * MIB;
    for (let i = 0; i < 64; i++) room.forAnswer(0);
    expect([room.forNewKey(), room.forAnswer(MIB)]).toEqual([false, true]);
    free = 8 * MIB;
    for (let i = 0; i < 64; i++) room.forAnswer(0);
    expect([room.forNewKey(), room.forAnswer(MIB)]).toEqual([false, false]);
  });

  it("is measured again at once before anything is refused, and after 64 writes, since other processes write too", () => {
    let measured = 0;
    let used = 8 * MIB;
    const free = () => {
      measured++;
      return 1024 * MIB;
    };
    const room = watchRoom({ used: () => used, free }, 8 * MIB);
    expect(room.forNewKey()).toBe(false);
    used = 0;
    expect(room.forNewKey()).toBe(true);
    const before = measured;
    for (let i = 0; i < 64; i++) room.forNewKey();
    expect(measured - before).toBe(1);
  });
});
