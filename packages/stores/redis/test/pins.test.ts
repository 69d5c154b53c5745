import { type RedisCluster, startRedisCluster } from "@onceover/test/redis-cluster";
import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import type { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisPinsOptions, redisPins } from "../src/index.js";
import { connect, connectCluster, overrunMs } from "./clients.js";

const IMPATIENT_MS = 300;

let server: RedisServer;
let client: Redis;
let cluster: RedisCluster;
let clusterClient: Cluster;
beforeAll(async () => {
  server = await startRedis();
  client = connect(server.port);
  cluster = await startRedisCluster();
  clusterClient = connectCluster(cluster.startupNodes);
});
afterAll(async () => {
  client.disconnect();
  clusterClient.disconnect();
  await server.stop();
  await cluster.stop();
});

describe.each([
  ["a single node", () => client],
  ["a Cluster", () => clusterClient],
] as const)("on %s", (_, clientOf) => {
  it("a key gives the fields of its JSON object, as they are at each reading", async () => {
    const read = redisPins({ client: clientOf(), key: "index:live" });
    await clientOf().set("index:live", '{"schemaRev":12,"indexHash":"9f"}');
    expect(await read()).toEqual({ schemaRev: 12, indexHash: "9f" });
    await clientOf().set("index:live", '{"schemaRev":13,"indexHash":"a0","corpus":null}');
    expect(await read()).toEqual({ schemaRev: 13, indexHash: "a0", corpus: null });
  });

  it("a hash gives its fields, each value as text", async () => {
    const read = redisPins({ client: clientOf(), hash: "pins" });
    await clientOf().hset("pins", { schemaRev: "12", indexHash: "9f", modelTag: "embed-3", corpus: "c7" });
    expect(await read()).toEqual({ schemaRev: "12", indexHash: "9f", modelTag: "embed-3", corpus: "c7" });
    await clientOf().hdel("pins", "corpus");
    expect(await read()).toEqual({ schemaRev: "12", indexHash: "9f", modelTag: "embed-3" });
  });
});

it.each(["", "12", '"text"', "null", "[1]", "{schemaRev:12}", '{"schemaRev":12'])(
  "a value that is no JSON object rejects, and the error does not quote it: %s",
  async (value) => {
    await client.set("canary", value);
    const reading = redisPins({ client, key: "canary" })();
    await expect(reading).rejects.toMatchObject({
      code: "store-unavailable",
      message: 'Redis has no pins: the value of "canary" is no JSON object',
    });
  },
);

it("a key or a hash that is absent rejects, and says so", async () => {
  await expect(redisPins({ client, key: "absent" })()).rejects.toMatchObject({
    code: "store-unavailable",
    message: 'Redis has no pins: there is no key "absent"',
  });
  await expect(redisPins({ client, hash: "absent" })()).rejects.toMatchObject({
    code: "store-unavailable",
    message: 'Redis has no pins: there is no hash "absent"',
  });
});

it("a key that is a hash, and a hash that is a key, reject with store-unavailable", async () => {
  await client.set("a-key", "{}");
  await client.hset("a-hash", "schemaRev", "12");
  for (const read of [redisPins({ client, key: "a-hash" }), redisPins({ client, hash: "a-key" })]) {
    await expect(read()).rejects.toMatchObject({
      code: "store-unavailable",
      message: expect.stringContaining("WRONGTYPE"),
    });
  }
});

it("names such as __proto__ are pins like any other and change nothing", async () => {
  await client.set("tricky", '{"__proto__":{"schemaRev":1},"constructor":"c"}');
  const fromKey = await redisPins({ client, key: "tricky" })();
  expect(Object.keys(fromKey).sort()).toEqual(["__proto__", "constructor"]);
  expect(fromKey.schemaRev).toBeUndefined();
  await client.hset("tricky-hash", "__proto__", "p", "constructor", "c");
  const fromHash = await redisPins({ client, hash: "tricky-hash" })();
  expect(Object.keys(fromHash).sort()).toEqual(["__proto__", "constructor"]);
});

it("a server that does not answer: the reading rejects by the deadline + 100 ms, and the next one may succeed", async () => {
  const own = await startRedis();
  const paused = connect(own.port);
  const read = redisPins({ client: paused, key: "pins", timeoutMs: IMPATIENT_MS });
  try {
    await paused.set("pins", "{}");
    expect(await read()).toEqual({});
    own.pause();
    const reading = read();
    expect(await overrunMs(IMPATIENT_MS, () => reading)).toBeLessThan(100);
    await expect(reading).rejects.toMatchObject({ code: "store-unavailable" });
    own.resume();
    await expect.poll(read, { timeout: 10_000 }).toEqual({});
  } finally {
    paused.disconnect();
    await own.stop();
  }
});

it.each([
  [{}, "redisPins must be given either key or hash, got neither"],
  [{ key: "k", hash: "h" }, "redisPins must be given either key or hash, got both"],
  [{ key: "" }, 'key must be a string of at least one character, got ""'],
  [{ key: 5 }, "key must be a string of at least one character, got 5"],
  [{ hash: "" }, 'hash must be a string of at least one character, got ""'],
  [{ key: "k", timeoutMs: 0 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 0"],
  [{ key: "k", client: {} }, "client must be a Redis or Cluster of ioredis"],
])("an option that breaks its rule is refused at creation: %#", (options, message) => {
  expect(() => redisPins({ client, ...options } as RedisPinsOptions)).toThrow(new TypeError(message));
});
