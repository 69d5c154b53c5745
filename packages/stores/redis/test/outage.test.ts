import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import { startTcpProxy, type TcpProxy } from "@onceover/test/tcp-proxy";
import type { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { redisStore } from "../src/index.js";
import { asking, connect, count, outcomeOf, overrunMs } from "./clients.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");
const IMPATIENT_MS = 300;

let server: RedisServer;
let proxy: TcpProxy;
let client: Redis;
beforeEach(async () => {
  server = await startRedis();
  proxy = await startTcpProxy(server.port);
  client = connect(proxy.port);
});
afterEach(async () => {
  client.disconnect();
  await proxy.close();
  await server.stop();
});

describe("a reply that is lost, so that the client sends the command again", () => {
  it("of an acquire: the owner is told acquired, with the fence and attempt of the first time", async () => {
    const store = redisStore({ client, timeoutMs: 10_000 });
    const { key, token } = asking();
    const lost = proxy.swallowNextReply(token);
    const found = await store.acquire(asking({ key, token }));
    await lost;
    expect(found).toMatchObject({ outcome: "acquired", attempt: 1 });
    expect(await store.acquire(asking({ key, token }))).toEqual(found);
    expect(await store.acquire(asking({ key }))).toMatchObject({ outcome: "running" });
  });

  it("of a complete, a renew and an abandon: the owner is told ok", async () => {
    const store = redisStore({ client, timeoutMs: 10_000 });
    const { key, token } = asking();
    await store.acquire(asking({ key, token }));
    for (const call of [() => store.renew(key, token, 60_000), () => store.complete(key, token, RECORD, DAY_MS)]) {
      const lost = proxy.swallowNextReply(token);
      expect(await call()).toBe("ok");
      await lost;
    }
    const other = asking();
    await store.acquire(other);
    const lost = proxy.swallowNextReply(other.token);
    expect(await store.abandon(other.key, other.token)).toBe("ok");
    await lost;
    expect(await store.read(key)).toMatchObject({ outcome: "done" });
  });

  it("of 50 acquires in flight at once: each is told acquired, attempt 1, and nobody else gets the key", async () => {
    const store = redisStore({ client, timeoutMs: 10_000 });
    await store.acquire(asking());
    const requests = Array.from({ length: 50 }, () => asking());
    proxy.swallowReplies();
    const calls = requests.map((request) => store.acquire(request));
    await expect.poll(() => server.cli("dbsize"), { timeout: 5000 }).toBe("51");
    proxy.cut();
    proxy.heal();
    const found = await Promise.all(calls);
    expect(found.every((one) => one.outcome === "acquired" && one.attempt === 1)).toBe(true);
    const others = await Promise.all(requests.map(({ key }) => outcomeOf(store.acquire(asking({ key })))));
    expect(count(others)).toEqual({ running: 50 });
  });
});

describe("a server that does not answer", () => {
  const verbs = (store: ReturnType<typeof redisStore>) => {
    const { key, token } = asking();
    return [
      () => store.acquire(asking({ key, token })),
      () => store.renew(key, token, 1000),
      () => store.complete(key, token, RECORD, DAY_MS),
      () => store.abandon(key, token),
      () => store.read(key),
      () => store.forget(key),
      () => store.unknowns(),
      () => store.verify(),
    ];
  };

  async function expectAllInTime(store: ReturnType<typeof redisStore>): Promise<void> {
    for (const call of verbs(store)) {
      const calls: Promise<unknown>[] = [];
      const late = await overrunMs(IMPATIENT_MS, () => {
        calls.push(call());
        return Promise.all(calls);
      });
      expect(late).toBeLessThan(100);
      await expect(calls[0]).rejects.toMatchObject({ code: "store-unavailable" });
    }
  }

  it("because it is paused: every verb rejects as store-unavailable by the deadline + 100 ms", async () => {
    const store = redisStore({ client, timeoutMs: IMPATIENT_MS });
    await store.acquire(asking());
    server.pause();
    await expectAllInTime(store);
    server.resume();
    await expect.poll(() => outcomeOf(store.acquire(asking()))).toBe("acquired");
  });

  it("because it was killed: every verb rejects by the deadline + 100 ms, and works again after a restart", async () => {
    const store = redisStore({ client, timeoutMs: IMPATIENT_MS });
    await store.acquire(asking());
    await server.kill();
    await expectAllInTime(store);
    await server.restart();
    await expect.poll(() => outcomeOf(store.acquire(asking())), { timeout: 20_000 }).toBe("acquired");
  });

  it.each([
    ["no offline queue", { enableOfflineQueue: false }],
    ["no retries per request", { maxRetriesPerRequest: 0 }],
    ["endless retries per request", { maxRetriesPerRequest: null }],
    ["no resending", { autoResendUnfulfilledCommands: false }],
    ["a command time-out that is shorter", { commandTimeout: 50 }],
    ["a command time-out that is longer", { commandTimeout: 60_000 }],
    ["pipelining of its own", { enableAutoPipelining: true }],
    ["no reconnecting", { retryStrategy: () => null }],
  ])("whatever the client's settings, the deadline holds: %s", async (_, options) => {
    const own = connect(proxy.port, options);
    const store = redisStore({ client: own, timeoutMs: IMPATIENT_MS });
    await expect.poll(() => outcomeOf(store.acquire(asking()))).toBe("acquired");
    proxy.hang();
    const hanging = overrunMs(IMPATIENT_MS, () => store.acquire(asking()));
    expect(await hanging).toBeLessThan(100);
    await server.kill();
    proxy.cut();
    const call = store.acquire(asking());
    expect(await overrunMs(IMPATIENT_MS, () => call)).toBeLessThan(100);
    await expect(call).rejects.toMatchObject({ code: "store-unavailable" });
    own.disconnect();
  });

  it("in time leaves no unhandled rejection when its answer or error comes later", async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", listen);
    const store = redisStore({ client, timeoutMs: IMPATIENT_MS });
    await store.acquire(asking());
    server.pause();
    expect(await outcomeOf(store.acquire(asking()))).toBe("store-unavailable");
    client.disconnect();
    server.resume();
    await new Promise((resolve) => client.once("end", resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.off("unhandledRejection", listen);
    expect(unhandled).toEqual([]);
  });
});

describe("an acquire that reaches the server after its deadline claims nothing", () => {
  it("when the server was paused", async () => {
    const store = redisStore({ client, timeoutMs: IMPATIENT_MS });
    await store.acquire(asking());
    server.pause();
    const requests = Array.from({ length: 20 }, () => asking());
    const outcomes = await Promise.all(requests.map((request) => outcomeOf(store.acquire(request))));
    expect(count(outcomes)).toEqual({ "store-unavailable": 20 });
    // The server's clock went on, but give it room to differ from ours by a little.
    await new Promise((resolve) => setTimeout(resolve, IMPATIENT_MS));
    server.resume();
    // The same connection, so that these are answered after those that waited in the socket.
    const patient = redisStore({ client, timeoutMs: 10_000 });
    for (const { key } of requests) expect(await patient.read(key)).toEqual({ outcome: "none" });
  });

  it("when the client kept it and sent it after a restart", async () => {
    const own = connect(server.port);
    const store = redisStore({ client: own, timeoutMs: IMPATIENT_MS });
    await store.acquire(asking());
    await server.kill();
    const requests = Array.from({ length: 20 }, () => asking());
    const outcomes = await Promise.all(requests.map((request) => outcomeOf(store.acquire(request))));
    expect(count(outcomes)).toEqual({ "store-unavailable": 20 });
    await new Promise((resolve) => setTimeout(resolve, IMPATIENT_MS));
    await server.restart();
    const patient = redisStore({ client: own, timeoutMs: 20_000 });
    for (const { key } of requests) expect(await patient.read(key)).toEqual({ outcome: "none" });
    const stats = await server.cli("info", "commandstats");
    expect(stats).toContain("cmdstat_evalsha:");
    expect(stats).not.toContain("cmdstat_set:");
    own.disconnect();
  });

  it("but a server whose clock is another one than before is asked again, and answers acquired", async () => {
    const store = redisStore({ client });
    await store.acquire(asking());
    const clock = performance.now;
    try {
      // What was learned of the server's clock is wrong by an hour from here on, in the direction of "too late".
      performance.now = () => clock.call(performance) - 3_600_000;
      expect(await store.acquire(asking())).toMatchObject({ outcome: "acquired", attempt: 1 });
    } finally {
      performance.now = clock;
    }
  });
});
