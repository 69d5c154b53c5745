import type { AcquireRequest, Store } from "@onceover/core";
import { startRedisCluster } from "@onceover/test/redis-cluster";
import { startSentinel } from "@onceover/test/redis-sentinel";
import { sleep } from "@onceover/test/wait";
import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { redisStore } from "../src/index.js";
import { asking, connectCluster, count, outcomeOf, overrunMs } from "./clients.js";

const DEADLINE_MS = 1000;
const CALLS = 200;

interface Observed {
  readonly request: AcquireRequest;
  readonly outcome: string;
  readonly overrunMs: number;
}

/** Begins an acquire every 10 ms and calls `kill` after a quarter of them. */
async function acquireDuring(store: Store, kill: () => Promise<unknown>): Promise<Observed[]> {
  const calls: Promise<Observed>[] = [];
  for (let index = 0; index < CALLS; index++) {
    if (index === CALLS / 4) await kill();
    calls.push(observe(store, asking()));
    await sleep(10);
  }
  return Promise.all(calls);
}

async function observe(store: Store, request: AcquireRequest): Promise<Observed> {
  const outcome = outcomeOf(store.acquire(request));
  return { request, overrunMs: await overrunMs(DEADLINE_MS, () => outcome), outcome: await outcome };
}

function expectEachInTime(observed: readonly Observed[]): void {
  expect(Math.max(...observed.map(({ overrunMs: late }) => late))).toBeLessThan(100);
  const {
    acquired = 0,
    "store-unavailable": unavailable = 0,
    ...others
  } = count(observed.map(({ outcome }) => outcome));
  expect(others).toEqual({});
  // Of those begun before the kill, the ones still in flight may be lost with their server.
  expect(acquired).toBeGreaterThanOrEqual(CALLS / 8);
  expect(acquired + unavailable).toBe(CALLS);
}

function sentinelClient(options: { sentinels: readonly { host: string; port: number }[]; name: string }): Redis {
  const { name } = options;
  const client = new Redis({ sentinels: [...options.sentinels], name, sentinelRetryStrategy: () => 100 });
  client.on("error", () => undefined);
  return client;
}

// All at once: each waits for a fail-over of its own servers, most of the time.
describe.concurrent("Sentinel: the master is killed while acquires run", () => {
  it("each settles by the deadline + 100 ms, and the next master serves", async ({ expect }) => {
    const sentinel = await startSentinel({ replicas: 1 });
    const client = sentinelClient(sentinel);
    const store = redisStore({ client, timeoutMs: DEADLINE_MS });
    const [first] = sentinel.nodes;
    await expect.poll(() => outcomeOf(store.acquire(asking()))).toBe("acquired");
    const observed = await acquireDuring(store, async () => first?.kill());
    expectEachInTime(observed);
    await expect.poll(() => outcomeOf(store.acquire(asking())), { timeout: 20_000 }).toBe("acquired");
    expect((await sentinel.master()).port).not.toBe(first?.port);
    client.disconnect();
    await sentinel.stop();
  });

  it("with waitReplicas: 2 of two replicas, every key that was acquired is still owned after the fail-over", async ({
    expect,
  }) => {
    const sentinel = await startSentinel({ replicas: 2 });
    const client = sentinelClient(sentinel);
    const store = redisStore({ client, timeoutMs: DEADLINE_MS, waitReplicas: 2 });
    await expect.poll(() => outcomeOf(store.acquire(asking()))).toBe("acquired");
    const [first] = sentinel.nodes;
    const observed = await acquireDuring(store, async () => first?.kill());
    expectEachInTime(observed);
    await expect.poll(async () => (await sentinel.master()).port, { timeout: 20_000 }).not.toBe(first?.port);
    await sentinel.addReplica();
    await expect.poll(() => outcomeOf(store.acquire(asking())), { timeout: 20_000 }).toBe("acquired");
    const acquired = observed.filter(({ outcome }) => outcome === "acquired");
    const again = await Promise.all(acquired.map(({ request: { key } }) => outcomeOf(store.acquire(asking({ key })))));
    expect(count(again)).toEqual({ running: acquired.length });
    await store.close();
    client.disconnect();
    await sentinel.stop();
  });
});

it.concurrent("Cluster: one master is killed while acquires run; each settles by the deadline + 100 ms, and its slots are served again", async ({
  expect,
}) => {
  const cluster = await startRedisCluster();
  const client = connectCluster(cluster.startupNodes);
  const store = redisStore({ client, timeoutMs: DEADLINE_MS });
  await expect.poll(() => outcomeOf(store.acquire(asking()))).toBe("acquired");
  const [victim] = await cluster.masters();
  const observed = await acquireDuring(store, async () => victim?.kill());
  expectEachInTime(observed);
  for (const { request } of observed) {
    const settled = () => outcomeOf(store.read(request.key));
    await expect.poll(settled, { timeout: 20_000 }).not.toBe("store-unavailable");
  }
  client.disconnect();
  await cluster.stop();
});
