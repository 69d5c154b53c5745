/**
 * What a request costs in round trips to Redis. MONITOR shows every command that a client sends; those that a script
 * calls are marked as coming from Lua and are part of the one round trip that runs the script.
 */
import type { OnceoverEvent } from "@onceover/core";
import { redisStore } from "@onceover/redis";
import type { RequestHandler } from "express";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type ExpressService, serveExpress } from "./src/express-service.js";
import { type RedisServer, startRedis } from "./src/redis-server.js";
import { until } from "./src/wait.js";

const FIRST_RUN = ["evalsha", "evalsha"];
const REPLAY = ["evalsha"];
const MAX_BODY_BYTES = 1000;

let redis: RedisServer;
let client: Redis;
let monitor: Redis;
/** Two instances over one store, each with a cache of its own, as two processes have them. */
let here: ExpressService;
let elsewhere: ExpressService;

/** The commands of clients, in order. */
const seen: { readonly name: string; readonly args: readonly string[] }[] = [];
const events: OnceoverEvent[] = [];
let arrivals = 0;
let gate: Promise<void> | undefined;

const arrive: RequestHandler = (_request, _response, next) => {
  arrivals += 1;
  next();
};

const pay: RequestHandler = async (request, response) => {
  await gate;
  response.status(201).json({ paid: request.body.amount, id: crypto.randomUUID() });
};

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port, "127.0.0.1");
  monitor = await client.duplicate().monitor();
  monitor.on("monitor", (_time: string, [name = "", ...args]: string[], source: string) => {
    if (source !== "lua") seen.push({ name: name.toLowerCase(), args });
  });
  const options = {
    store: redisStore({ client }),
    idempotency: { maxBodyBytes: MAX_BODY_BYTES },
    on: (event: OnceoverEvent) => void events.push(event),
  };
  here = await serveExpress(options, pay, arrive);
  elsewhere = await serveExpress(options, pay, arrive);
  // The first use of a script sends its text after its digest was not known.
  await post(here, newKey());
});
afterAll(async () => {
  await Promise.all([here.close(), elsewhere.close()]);
  monitor.disconnect();
  client.disconnect();
  await redis.stop();
});
beforeEach(() => {
  events.length = 0;
});

let keys = 0;
const newKey = () => `payment-${++keys}`;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly code: unknown;
}

interface Sent {
  readonly body?: object;
  readonly caller?: string;
  readonly type?: string;
}

async function post(service: ExpressService, key: string | undefined, sent: Sent = {}): Promise<Answer> {
  const { body = { amount: 1 }, caller = "alice", type = "application/json" } = sent;
  const headers = {
    "Content-Type": type,
    ...(key !== undefined && { "Idempotency-Key": key }),
    ...(caller !== "" && { "X-Caller": caller }),
  };
  const response = await fetch(service.url, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, text, code: JSON.parse(text).code };
}

/** The commands that Redis was sent while `work` went on, and what came of it. */
async function during<T>(
  work: () => Promise<T>,
): Promise<{ readonly commands: readonly string[]; readonly result: T }> {
  await mark();
  const result = await work();
  return { commands: await mark(), result };
}

/** The commands since the last mark. Redis shows commands in order, so that when it shows the mark it has shown all before. */
async function mark(): Promise<string[]> {
  const name = crypto.randomUUID();
  const position = () => seen.findIndex(({ args }) => args.includes(name));
  // Over the store's own connection: what it sent without waiting for the reply is ahead of the mark.
  await client.echo(name);
  await until("the monitor shows the mark", () => position() >= 0);
  return seen
    .splice(0, position() + 1)
    .slice(0, -1)
    .map((command) => command.name);
}

const replaySources = () => events.flatMap((event) => (event.type === "replayed" ? [event.from] : []));

it("a first run is two round trips", async () => {
  const { commands, result } = await during(() => post(here, newKey()));
  expect(result.status).toBe(201);
  expect(commands).toEqual(FIRST_RUN);
});

it("a replay in another process is one round trip", async () => {
  const key = newKey();
  const first = await post(here, key);
  const { commands, result } = await during(() => post(elsewhere, key));
  expect(result).toEqual(first);
  expect(replaySources()).toEqual(["store"]);
  expect(commands).toEqual(REPLAY);
});

it("a second replay is none, in the process that ran and in any other", async () => {
  const key = newKey();
  const first = await post(here, key);
  await post(here, key);
  await post(elsewhere, key);
  const { commands, result } = await during(async () => [await post(here, key), await post(elsewhere, key)]);
  expect(result).toEqual([first, first]);
  expect(replaySources()).toEqual(["store", "store", "cache", "cache"]);
  expect(commands).toEqual([]);
});

it("a duplicate that waits for a run in its process adds none to the run's two", async () => {
  const key = newKey();
  let open = () => {};
  gate = new Promise((resolve) => {
    open = resolve;
  });
  const { commands, result } = await during(async () => {
    const first = post(here, key);
    await until("the handler runs", () => events.some(({ type }) => type === "run"));
    const before = arrivals;
    const duplicate = post(here, key);
    await until("the duplicate is there", () => arrivals > before);
    open();
    return Promise.all([first, duplicate]);
  });
  expect(result[1]).toEqual(result[0]);
  expect(replaySources()).toEqual(["run"]);
  expect(commands).toEqual(FIRST_RUN);
});

it.each([
  ["empty", ""],
  ["over 255 bytes", "k".repeat(256)],
  ["an unquoted comma", "one, two"],
  ["an open quote", '"open'],
])("a refused key is none: %s", async (_what, key) => {
  const { commands, result } = await during(() => post(here, key));
  expect(result).toMatchObject({ status: 400, code: "key-invalid" });
  expect(commands).toEqual([]);
});

it("a missing scope is none", async () => {
  const { commands, result } = await during(() => post(here, newKey(), { caller: "" }));
  expect(result).toMatchObject({ status: 403, code: "scope-missing" });
  expect(commands).toEqual([]);
});

it("a body too large is none", async () => {
  // As JSON it would be bounded by the limit of the parser that is mounted before.
  const sent = { type: "text/plain", body: { note: "n".repeat(MAX_BODY_BYTES) } };
  const { commands, result } = await during(() => post(here, newKey(), sent));
  expect(result).toMatchObject({ status: 413, code: "body-too-large" });
  expect(commands).toEqual([]);
});

it("a request without a key is none", async () => {
  const { commands, result } = await during(() => post(here, undefined));
  expect(result.status).toBe(201);
  expect(commands).toEqual([]);
});

it("another payload under a key in the cache is none", async () => {
  const key = newKey();
  await post(here, key, { body: { amount: 1 } });
  await post(here, key, { body: { amount: 1 } });
  const { commands, result } = await during(() => post(here, key, { body: { amount: 2 } }));
  expect(result).toMatchObject({ status: 422, code: "key-reused" });
  expect(commands).toEqual([]);
});
