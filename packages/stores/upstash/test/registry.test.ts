import { inspect } from "node:util";
import { describeRegistry } from "@onceover/conformance";
import { type RedisClient, redisRegistry } from "@onceover/redis";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type UpstashRegistryOptions, upstashRegistry } from "../src/index.js";
import { type Database, newKey, SETTINGS, type Settings, startDatabase } from "./clients.js";

const MINUTE_MS = 60_000;
const newService = (): string => newKey();
const EVERYTHING = '\ufeffé, 日本語, 😀, \u0001, \u00ff, "quotes" and {"a":[]}';

let database: Database;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(() => database.stop());
afterEach(() => database.rest.heal());

/** Everything that can be set otherwise than the client has it by itself. */
const ODD: Settings = { automaticDeserialization: false, responseEncoding: false, enableAutoPipelining: false };

describe.each<[string, Settings]>([
  ["a client as it is by default", {}],
  ["a client with its settings turned round", ODD],
])("%s", (_, settings) => {
  const open = (timeoutMs: number) => upstashRegistry({ client: database.connect(settings), timeoutMs });

  describeRegistry("upstash", {
    open: async () => ({ registry: open(10_000), second: async () => open(10_000), close: async () => {} }),
    openBreakable: async () => ({
      registry: open(500),
      second: async () => open(500),
      close: async () => database.rest.heal(),
      breakDown: async () => database.rest.fail({ kind: "hang" }),
    }),
  });
});

it.each(SETTINGS)(
  "texts are the same bytes, and @onceover/redis reads and writes them too: %s",
  async (_, settings) => {
    const tcp = new Redis(database.server.port, "127.0.0.1");
    const overTcp = redisRegistry({ client: tcp as RedisClient });
    const overRest = upstashRegistry({ client: database.connect(settings) });
    const service = newService();
    await overRest.write(service, "r1", EVERYTHING, MINUTE_MS);
    await overTcp.write(service, "r2", EVERYTHING, MINUTE_MS);
    expect(await overTcp.count(service, "epoch", MINUTE_MS)).toBe(1);
    expect(await overRest.count(service, "epoch", MINUTE_MS)).toBe(2);
    for (const registry of [overTcp, overRest]) {
      const texts = Object.fromEntries((await registry.list(service)).map(({ id, text }) => [id, text]));
      expect(texts).toEqual({ r1: EVERYTHING, r2: EVERYTHING, epoch: "2" });
    }
    const [rest, direct] = await tcp.hmget(`onceover:revisions:${service}`, "r1", "r2");
    expect(rest?.replace(/\d{13}/g, "now")).toBe(direct?.replace(/\d{13}/g, "now"));
    tcp.disconnect();
  },
);

it("each verb is one HTTP call", async () => {
  const [service, registry] = [newService(), upstashRegistry({ client: database.connect() })];
  const verbs = [
    () => registry.write(service, "r1", "text", 1000),
    () => registry.count(service, "epoch", 1000),
    () => registry.list(service),
    () => registry.remove(service, "r1"),
  ];
  for (const call of verbs) await call();
  for (const call of verbs) {
    const before = database.rest.seen.length;
    await call();
    expect(database.rest.seen.length - before).toBe(1);
  }
});

it.each([
  JSON.stringify({ error: "ERR DB capacity quota exceeded" }),
  JSON.stringify({ error: `ERR no room for canary text` }),
  "<html>canary text",
])("whatever the database answers, a call rejects with store-unavailable and quotes no text: %s", async (body) => {
  const [service, registry] = [newService(), upstashRegistry({ client: database.connect({ retry: false }) })];
  database.rest.fail({ kind: "refuse", status: 400, body });
  for (const call of [() => registry.list(service), () => registry.write(service, "canary-id", "canary text", 1000)]) {
    const error: unknown = await call().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "store-unavailable" });
    if (body.includes("quota")) expect(String(error)).toContain("quota");
  }
  const error: unknown = await registry.write(service, "canary-id", "canary text", 1000).catch((one: unknown) => one);
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain("canary");
});

it.each([
  [{ client: {} }, "client must be a Redis of @upstash/redis, 1.35.3 or later"],
  [{ prefix: "" }, 'prefix must be a string of at least one character, got ""'],
  [{ timeoutMs: 0 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 0"],
])("an option that breaks its rule is refused at creation: %#", (options, message) => {
  const given = { client: database.connect(), ...options } as UpstashRegistryOptions;
  expect(() => upstashRegistry(given)).toThrow(new TypeError(message));
});
