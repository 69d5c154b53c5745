import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import { startTcpProxy } from "@onceover/test/tcp-proxy";
import { until } from "@onceover/test/wait";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { redisStore } from "../src/index.js";
import { asking, connect, count, outcomeOf, overrunMs } from "./clients.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");

let master: RedisServer;
let replica: RedisServer;
let client: Redis;
beforeAll(async () => {
  master = await startRedis({ args: ["--repl-diskless-sync-delay", "0"] });
  replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(master.port)] });
  client = connect(master.port);
  await until("the replica is online", async () => (await master.cli("info", "replication")).includes("state=online"));
});
afterAll(async () => {
  client.disconnect();
  await replica.stop();
  await master.stop();
});

it("200 acquires and completes at once are confirmed, and the replica has every record", async () => {
  const store = redisStore({ client, waitReplicas: 1, timeoutMs: 10_000 });
  const requests = Array.from({ length: 200 }, () => asking());
  const found = await Promise.all(requests.map((request) => outcomeOf(store.acquire(request))));
  expect(count(found)).toEqual({ acquired: 200 });
  const done = await Promise.all(requests.map(({ key, token }) => store.complete(key, token, RECORD, DAY_MS)));
  expect(count(done)).toEqual({ ok: 200 });
  for (const { key } of requests) expect(await replica.cli("get", `onceover:${key}`)).toMatch(/^1\|D\|.*the answer$/);
  await store.close();
});

it("an acquire that no replica confirms is not owned: it rejects in time, and the key is free again", async () => {
  const store = redisStore({ client, waitReplicas: 1, timeoutMs: 500 });
  await store.acquire(asking());
  replica.pause();
  const request = asking();
  const call = store.acquire(request);
  expect(await overrunMs(500, () => call)).toBeLessThan(100);
  await expect(call).rejects.toMatchObject({ code: "store-unavailable" });
  await expect.poll(() => outcomeOf(store.read(request.key))).toBe("none");
  replica.resume();
  await expect.poll(() => outcomeOf(store.acquire(asking({ key: request.key })))).toBe("acquired");
  await store.close();
});

it("a claim that was to settle an unknown outcome and that no replica confirms leaves the key unknown, and never free", async () => {
  const store = redisStore({ client, waitReplicas: 1, timeoutMs: 500 });
  const request = asking({ leaseMs: 50 });
  const { key, fingerprint } = request;
  const fence = await store.acquire(request).then((acquired) => acquired.outcome === "acquired" && acquired.fence);
  if (fence === false) throw new Error("the key was not free");
  await expect.poll(() => outcomeOf(store.read(key))).toBe("unknown");
  replica.pause();
  try {
    const settling = store.acquire(asking({ key, fingerprint, leaseMs: 50, takeOver: fence }));
    await expect(settling).rejects.toMatchObject({ code: "store-unavailable" });
    // What is given back goes over the connection that this one is sent on, ahead of it.
    await expect(store.acquire(asking())).rejects.toMatchObject({ code: "store-unavailable" });
    expect(await outcomeOf(store.read(key))).toBe("unknown");
  } finally {
    replica.resume();
  }
  await store.close();
});

it("a complete that no replica confirms rejects, and asked again says ok only once the replica has the record", async () => {
  const store = redisStore({ client, waitReplicas: 1, timeoutMs: 500 });
  const { key, token } = asking();
  await store.acquire(asking({ key, token }));
  replica.pause();
  await expect(store.complete(key, token, RECORD, DAY_MS)).rejects.toMatchObject({ code: "store-unavailable" });
  // WAIT is promised to speak of the writes of its own connection, and this store's has made none so far.
  const other = redisStore({ client, waitReplicas: 1, timeoutMs: 500 });
  const complete = () => other.complete(key, token, RECORD, DAY_MS);
  await expect(complete()).rejects.toMatchObject({ code: "store-unavailable" });
  expect(await outcomeOf(store.read(key))).toBe("done");
  expect(await master.cli("info", "commandstats")).toContain("cmdstat_pexpire:calls=1,");
  replica.resume();
  await expect.poll(() => complete().catch(() => "unavailable")).toBe("ok");
  expect(await replica.cli("get", `onceover:${key}`)).toContain("the answer");
  await other.close();
  await store.close();
});

it("a replica is asked in vain: it neither reads nor says stale of what it may not have heard of yet", async () => {
  const own = connect(replica.port);
  const store = redisStore({ client: own });
  const { key, token } = asking();
  const calls = [
    () => store.acquire(asking({ key, token })),
    () => store.renew(key, token, 1000),
    () => store.complete(key, token, RECORD, DAY_MS),
    () => store.abandon(key, token),
    () => store.read(key),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "store-unavailable" });
  own.disconnect();
});

it("a stalled WAIT stalls neither renew nor read nor abandon", async () => {
  const store = redisStore({ client, waitReplicas: 1, timeoutMs: 2000 });
  const { key, token } = asking();
  await store.acquire(asking({ key, token }));
  replica.pause();
  const stalled = outcomeOf(store.acquire(asking()));
  expect(await store.renew(key, token, 60_000)).toBe("ok");
  expect(await outcomeOf(store.read(key))).toBe("running");
  expect(await store.abandon(key, token)).toBe("ok");
  const first = await Promise.race([stalled, Promise.resolve("the others")]);
  expect(first).toBe("the others");
  expect(await stalled).toBe("store-unavailable");
  replica.resume();
  await store.close();
});

it("a WAIT whose reply was lost is never asked again on another connection: the call rejects at once", async () => {
  const proxy = await startTcpProxy(master.port);
  const own = connect(proxy.port);
  const store = redisStore({ client: own, waitReplicas: 1, timeoutMs: 10_000 });
  await store.acquire(asking());
  const request = asking();
  const lost = proxy.swallowNextReply(request.token);
  const before = waits(await master.cli("info", "commandstats"));
  const call = store.acquire(request);
  await expect(call).rejects.toThrow("the connection was lost before the write was confirmed");
  await lost;
  expect(await outcomeOf(store.acquire(request))).toBe("acquired");
  expect(waits(await master.cli("info", "commandstats")) - before).toBe(2);
  await store.close();
  own.disconnect();
  await proxy.close();
});

it("a connection that has gone silent is replaced", async () => {
  const proxy = await startTcpProxy(master.port);
  const own = connect(proxy.port);
  const store = redisStore({ client: own, waitReplicas: 1, timeoutMs: 500 });
  await expect.poll(() => outcomeOf(store.acquire(asking()))).toBe("acquired");
  const request = asking();
  const silenced = proxy.swallowNextReply(request.token, "silence");
  expect(await outcomeOf(store.acquire(request))).toBe("store-unavailable");
  await silenced;
  await expect.poll(() => outcomeOf(store.acquire(asking())), { timeout: 20_000 }).toBe("acquired");
  await store.close();
  own.disconnect();
  await proxy.close();
});

it("SCRIPT FLUSH between calls changes no answer", async () => {
  const store = redisStore({ client, waitReplicas: 1, timeoutMs: 5000 });
  const { key, token } = asking();
  await store.acquire(asking({ key, token }));
  await master.cli("script", "flush", "sync");
  expect(await store.complete(key, token, RECORD, DAY_MS)).toBe("ok");
  await master.cli("script", "flush", "sync");
  expect(await outcomeOf(store.acquire(asking({ key })))).toBe("done");
  await store.close();
});

it("close() ends the connection of its own and leaves the client's", async () => {
  const own = connect(master.port);
  await own.ping();
  const connections = async () => Number(/connected_clients:(\d+)/.exec(await master.cli("info", "clients"))?.[1]);
  const before = await connections();
  const store = redisStore({ client: own, waitReplicas: 1 });
  await store.acquire(asking());
  expect(await connections()).toBe(before + 1);
  await store.close();
  await store.close();
  await expect.poll(connections).toBe(before);
  expect(await own.ping()).toBe("PONG");
  own.disconnect();
});

function waits(stats: string): number {
  return Number(/^cmdstat_wait:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
}
