/**
 * One service under load while the Redis that holds its records loses a master. The clients do what real ones do: they
 * send a key again while it is refused or still in flight, and never again once it was answered.
 */
import { once } from "node:events";
import type { Store } from "@onceover/core";
import { redisStore } from "@onceover/redis";
import type { RequestHandler, Response } from "express";
import { Cluster, Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { type ExpressService, serveExpress } from "./src/express-service.js";
import { startRedisCluster } from "./src/redis-cluster.js";
import { type RedisSentinels, startSentinel } from "./src/redis-sentinel.js";
import { sleep, until } from "./src/wait.js";

const TIMEOUT_MS = 1000;
const SLACK_MS = 100;
const SLACK_STEPS = 10;
const KEYS = Array.from({ length: 300 }, (_, at) => `payment-${at}`);
const IN_FLIGHT = 30;
const KILL_AFTER = 100;
const GIVE_UP_MS = 90_000;
const TEST_MS = 150_000;

/**
 * Longer than any fail-over here. A claim whose reply was lost with the master is given back once the next one serves,
 * so that no lease ever ends and a retry can meet `in-flight` but not `outcome-unknown`: one would fail the test.
 */
const LEASE_MS = 120_000;

const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** One request, as the server saw it. */
interface Served {
  readonly status: number;
  readonly isInTime: boolean;
  readonly tookMs: number;
}

/** A service that counts its effects, and how long each request stays in it. */
function paymentService() {
  const effects = new Map<string, number>();
  const served: Promise<Served>[] = [];

  const pay: RequestHandler = async (request, response) => {
    const key = request.onceover?.key ?? "";
    effects.set(key, (effects.get(key) ?? 0) + 1);
    await sleep(20);
    response.status(201).json({ paid: key, id: crypto.randomUUID() });
  };
  const time: RequestHandler = (_request, response, next) => {
    served.push(timed(response));
    next();
  };
  // A duplicate that waits for another run may do so for longer than the store's deadline; one that is refused may not.
  const idempotency = { inFlight: "reject", leaseMs: LEASE_MS, required: true } as const;
  async function start(store: Store): Promise<ExpressService> {
    const service = await serveExpress({ store, idempotency }, pay, time);
    closing.push(service.close);
    return service;
  }
  return { start, effects, served };
}

async function timed(response: Response): Promise<Served> {
  const startMs = performance.now();
  const grace = endOfGrace().then(() => false);
  const ended = once(response, "finish").then(() => performance.now());
  const isInTime = await Promise.race([ended.then(() => true), grace]);
  return { isInTime, tookMs: (await ended) - startMs, status: response.statusCode };
}

/** The slack comes in steps, so that a process which gets no processor for a while loses one of them and not all. */
async function endOfGrace(): Promise<void> {
  await sleep(TIMEOUT_MS);
  for (let step = 0; step < SLACK_STEPS; step++) await sleep(SLACK_MS / SLACK_STEPS);
}

interface Answer {
  readonly status: number;
  readonly isReplay: boolean;
  readonly type: string | null;
  readonly retryAfter: string | null;
  readonly text: string;
}

async function send(url: string, key: string): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Idempotency-Key": key, "Content-Type": "application/json", "X-Caller": "alice" },
    body: JSON.stringify({ amount: 1 }),
  });
  return {
    status: response.status,
    isReplay: response.headers.get("idempotency-replayed") === "true",
    type: response.headers.get("content-type"),
    retryAfter: response.headers.get("retry-after"),
    text: await response.text(),
  };
}

/** What the clients saw: every key's answer, and how often each outcome came before it. */
interface Load {
  readonly answers: Map<string, string>;
  readonly outcomes: Record<"answered" | "store-unavailable" | "in-flight", number>;
}

/** Sends all keys, some at a time, each until it is answered; calls `kill` in the middle. */
async function load(url: string, kill: () => Promise<unknown>): Promise<Load> {
  const answers = new Map<string, string>();
  const outcomes = { answered: 0, "store-unavailable": 0, "in-flight": 0 };
  const waiting = [...KEYS];
  const endMs = performance.now() + GIVE_UP_MS;
  let killed: Promise<unknown> | undefined;

  async function sendUntilAnswered(key: string): Promise<void> {
    for (;;) {
      const answer = await send(url, key);
      const outcome = outcomeOf(answer);
      outcomes[outcome] += 1;
      if (outcome === "answered") return void answers.set(key, answer.text);
      if (performance.now() > endMs) throw new Error(`${key} was refused for ${GIVE_UP_MS} ms: ${answer.text}`);
      // Less patient than Retry-After asks for, so that more is under way while there is no master.
      await sleep(100);
    }
  }
  async function worker(): Promise<void> {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      await sendUntilAnswered(key);
      if (answers.size >= KILL_AFTER) killed ??= kill();
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  await killed;
  return { answers, outcomes };
}

/** Throws where an answer is none of those that a client is promised. */
function outcomeOf({ status, type, retryAfter, text }: Answer): keyof Load["outcomes"] {
  if (status === 201) return "answered";
  const problem = JSON.parse(text);
  expect([type, retryAfter]).toEqual(["application/problem+json", expect.stringMatching(/^\d+$/)]);
  if (status === 503) expect(problem).toMatchObject({ code: "store-unavailable", executed: false });
  else expect(problem).toMatchObject({ status: 409, code: "in-flight" });
  return problem.code;
}

/** What the outage kept from being recorded is in flight for other processes until the one that ran it has caught up. */
async function sendOnceRecorded(url: string, key: string): Promise<Answer> {
  let answer = await send(url, key);
  await until(`${key} is recorded`, async () => {
    if (outcomeOf(answer) !== "answered") answer = await send(url, key);
    return outcomeOf(answer) === "answered";
  });
  return answer;
}

/** Runs the load on a service over `store` and holds every rule that does not depend on the tier. */
async function expectOneEffectEach(store: Store, kill: () => Promise<unknown>) {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  closing.push(() => void process.off("unhandledRejection", note));
  const payments = paymentService();
  const { url } = await payments.start(store);

  const { answers, outcomes } = await load(url, kill);

  expect(outcomes["store-unavailable"]).toBeGreaterThan(0);
  expect([...answers.keys()].sort()).toEqual([...KEYS].sort());
  expect([...payments.effects].filter(([, count]) => count !== 1)).toEqual([]);
  expect(payments.effects.size).toBe(KEYS.length);
  expect(new Set(answers.values()).size).toBe(KEYS.length);
  const refused = (await Promise.all(payments.served)).filter(({ status }) => status !== 201);
  expect(refused).toHaveLength(outcomes["store-unavailable"] + outcomes["in-flight"]);
  expect(refused.filter(({ isInTime }) => !isInTime)).toEqual([]);
  expect(unhandled).toEqual([]);
  return { payments, answers };
}

function sentinelClient({ sentinels, name }: RedisSentinels): Redis {
  const client = new Redis({ sentinels: [...sentinels], name, sentinelRetryStrategy: () => 100 });
  closing.push(() => client.disconnect());
  // That the connection is lost is the test's intention.
  client.on("error", () => undefined);
  return client;
}

// All at once: each waits for a fail-over of its own servers, most of the time.
it.concurrent(
  "Sentinel: the master is killed under load; each key has one answer and one effect, each refusal is in time",
  async () => {
    const sentinel = await startSentinel({ replicas: 1 });
    closing.push(sentinel.stop);
    const store = redisStore({ client: sentinelClient(sentinel), timeoutMs: TIMEOUT_MS });
    const first = await sentinel.master();
    await expectOneEffectEach(store, () => first.kill());
    expect((await sentinel.master()).port).not.toBe(first.port);
  },
  TEST_MS,
);

it.concurrent(
  "Sentinel with waitReplicas: 2 of two: the same once there are two again, and another process replays every answer",
  async () => {
    const sentinel = await startSentinel({ replicas: 2, args: ["--appendonly", "yes"] });
    closing.push(sentinel.stop);
    const store = redisStore({ client: sentinelClient(sentinel), timeoutMs: TIMEOUT_MS, waitReplicas: 2 });
    closing.push(() => store.close());
    const first = await sentinel.master();
    // Until the dead one is replaced nothing is confirmed by two, and every new key is refused.
    const replace = async () => {
      await first.kill();
      await until("another master", async () => (await sentinel.master()).port !== first.port);
      await sentinel.addReplica();
    };
    const { payments, answers } = await expectOneEffectEach(store, replace);

    // A process that starts verifies the store anew.
    await until("both replicas follow", async () => (await store.verify()).tier === "T2");
    const other = await payments.start(store);
    for (const [key, text] of answers) {
      expect(await sendOnceRecorded(other.url, key)).toMatchObject({ status: 201, isReplay: true, text });
    }
    expect([...payments.effects].filter(([, count]) => count !== 1)).toEqual([]);
  },
  TEST_MS,
);

it.concurrent(
  "Cluster: one master is killed under load; each key has one answer and one effect, each refusal is in time",
  async () => {
    const cluster = await startRedisCluster();
    closing.push(cluster.stop);
    const client = new Cluster([...cluster.startupNodes]);
    closing.push(() => client.disconnect());
    client.on("error", () => undefined);
    const store = redisStore({ client, timeoutMs: TIMEOUT_MS });
    const [victim] = await cluster.masters();
    await expectOneEffectEach(store, async () => victim?.kill());
    expect(await cluster.masters()).toHaveLength(3);
  },
  TEST_MS,
);
