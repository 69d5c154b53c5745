/** A Redis that has no room: in its memory, or on the disk it writes its file or its snapshots to. */
import { limitFiles, UNDER_FILE_LIMIT } from "@onceover/test/full-disk";
import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import type { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { redisStore } from "../src/index.js";
import { asking, connect, outcomeOf } from "./clients.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");

let server: RedisServer;
let client: Redis;
let store: ReturnType<typeof redisStore>;

async function start(...args: string[]): Promise<void> {
  server = await startRedis({ args, under: UNDER_FILE_LIMIT });
  client = connect(server.port);
  store = redisStore({ client, timeoutMs: 10_000 });
}
afterEach(async () => {
  client.disconnect();
  await server.stop();
});

async function beginDone(): Promise<ReturnType<typeof asking>> {
  const request = asking();
  await store.acquire(request);
  expect(await store.complete(request.key, request.token, RECORD, DAY_MS)).toBe("ok");
  return request;
}

async function beginRunning(): Promise<ReturnType<typeof asking>> {
  const request = asking();
  await store.acquire(request);
  return request;
}

describe("a memory that is full (maxmemory, noeviction)", () => {
  beforeEach(() => start("--maxmemory-policy", "noeviction"));
  const setLimit = (bytes: number) => server.cli("config", "set", "maxmemory", String(bytes));

  it("refuses a new key as store-full, and goes on answering what there is", async () => {
    const [done, running, abandoned] = [await beginDone(), await beginRunning(), await beginRunning()];
    await store.abandon(abandoned.key, abandoned.token);
    await setLimit(1);
    const before = await server.cli("dbsize");
    expect(await outcomeOf(store.acquire(asking()))).toBe("store-full");
    expect(await server.cli("dbsize")).toBe(before);
    expect(await outcomeOf(store.acquire(asking({ key: done.key })))).toBe("done");
    expect(await outcomeOf(store.read(done.key))).toBe("done");
    expect(await outcomeOf(store.acquire(asking({ key: running.key })))).toBe("running");
    expect(await outcomeOf(store.acquire(asking({ key: abandoned.key })))).toBe("store-full");
    expect(await store.verify()).toEqual({ tier: "T1", findings: [] });
    await setLimit(0);
    expect(await outcomeOf(store.acquire(asking()))).toBe("acquired");
    expect(await store.acquire(asking({ key: abandoned.key }))).toMatchObject({ outcome: "acquired", attempt: 2 });
  });

  it("takes what runs under way have to say: they are renewed, completed and abandoned in excess of the limit", async () => {
    const [renewed, completed, abandoned] = [await beginRunning(), await beginRunning(), await beginRunning()];
    await setLimit(1);
    expect(await store.renew(renewed.key, renewed.token, 90_000)).toBe("ok");
    expect(await store.read(renewed.key)).toMatchObject({ leaseLeftMs: expect.closeTo(90_000, -4) });
    expect(await store.complete(completed.key, completed.token, new Uint8Array(100_000), DAY_MS)).toBe("ok");
    expect(await outcomeOf(store.read(completed.key))).toBe("done");
    expect(await store.abandon(abandoned.key, abandoned.token)).toBe("ok");
    expect(await outcomeOf(store.read(abandoned.key))).toBe("none");
    for (const { key } of [renewed, completed, abandoned])
      expect(await client.pttl(`onceover:${key}`)).toBeGreaterThan(0);
  });
});

describe.each([
  ["an append-only file", ["--appendonly", "yes", "--appendfsync", "everysec"], noAppending],
  ["snapshots, with stop-writes-on-bgsave-error", ["--save", "3600 1000"], noSnapshots],
] as const)("a disk that is full under %s", (_, args, fill) => {
  beforeEach(() => start(...args));

  it("refuses whatever would write as store-full, replays what is recorded, and goes on when there is room", async () => {
    const [done, running] = [await beginDone(), await beginRunning()];
    await fill();
    const before = await server.cli("dbsize");
    const refused = asking();
    const calls = [
      () => store.acquire(refused),
      () => store.renew(running.key, running.token, 60_000),
      () => store.complete(running.key, running.token, RECORD, DAY_MS),
      () => store.abandon(running.key, running.token),
      () => store.forget(done.key),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        code: "store-full",
        cause: { message: expect.stringMatching(/MISCONF/) },
      });
    }
    expect(await server.cli("dbsize")).toBe(before);
    expect(await store.acquire(asking({ key: done.key }))).toEqual({ outcome: "done", record: RECORD });
    expect(await outcomeOf(store.acquire(asking({ key: running.key })))).toBe("running");
    expect(await store.verify()).toEqual({ tier: "T1", findings: [] });

    await limitFiles(server.pid, "unlimited");
    if (fill === noSnapshots) await server.cli("bgsave");
    await expect.poll(() => outcomeOf(store.acquire(refused)), { timeout: 20_000 }).toBe("acquired");
    expect(await store.complete(running.key, running.token, RECORD, DAY_MS)).toBe("ok");
    for (const { key } of [done, running]) expect(await outcomeOf(store.read(key))).toBe("done");
  });
});

/** The write that meets the full disk is answered: Redis finds out behind it, and takes none from then on. */
async function noAppending(): Promise<void> {
  await limitFiles(server.pid, 1);
  await expect.poll(() => outcomeOf(store.acquire(asking())), { timeout: 20_000 }).toBe("store-full");
}

async function noSnapshots(): Promise<void> {
  await limitFiles(server.pid, 1);
  await server.cli("bgsave");
  const status = () => server.cli("info", "persistence");
  await expect.poll(status, { timeout: 20_000 }).toContain("rdb_last_bgsave_status:err");
}

describe("a disk that is full under an append-only file with appendfsync always", () => {
  beforeEach(() => start("--appendonly", "yes", "--appendfsync", "always"));

  it("ends the server before it has answered: nothing that was acknowledged is lost, and nothing else is there", async () => {
    const [done, running] = [await beginDone(), await beginRunning()];
    await limitFiles(server.pid, 1);
    const refused = asking();
    const impatient = redisStore({ client, timeoutMs: 2000 });
    await expect(impatient.acquire(refused)).rejects.toMatchObject({ code: "store-unavailable" });
    await expect(impatient.acquire(asking({ key: done.key }))).rejects.toMatchObject({ code: "store-unavailable" });

    // The new process has no limit.
    await server.restart();
    await expect.poll(() => outcomeOf(store.acquire(asking({ key: done.key }))), { timeout: 20_000 }).toBe("done");
    expect(await outcomeOf(store.read(running.key))).toBe("running");
    expect(await store.complete(running.key, running.token, RECORD, DAY_MS)).toBe("ok");
    expect(await store.acquire(asking({ key: refused.key }))).toMatchObject({ outcome: "acquired", attempt: 1 });
  });
});
