import { inspect } from "node:util";
import { describeRegistry } from "@onceover/conformance";
import { type RedisCluster, startRedisCluster } from "@onceover/test/redis-cluster";
import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import { startTcpProxy } from "@onceover/test/tcp-proxy";
import { until } from "@onceover/test/wait";
import type { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisRegistryOptions, redisRegistry, redisStore } from "../src/index.js";
import { connect, connectCluster, newKey } from "./clients.js";

const MINUTE_MS = 60_000;
const newService = (): string => newKey();

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis({ args: ["--repl-diskless-sync-delay", "0"] });
  client = connect(server.port);
});
afterAll(async () => {
  client.disconnect();
  await server.stop();
});

/** Registries with a client of their own each. */
function opener(newClient: () => Redis | Cluster, timeoutMs = 5000) {
  const clients: (Redis | Cluster)[] = [];
  return {
    open() {
      const own = newClient();
      clients.push(own);
      return redisRegistry({ client: own, timeoutMs });
    },
    async disconnect() {
      for (const one of clients) one.disconnect();
    },
  };
}

describeRegistry("redis", {
  async open() {
    const { open, disconnect } = opener(() => connect(server.port));
    return { registry: open(), second: async () => open(), close: disconnect };
  },
  async openBreakable() {
    const proxy = await startTcpProxy(server.port);
    const { open, disconnect } = opener(() => connect(proxy.port), 300);
    const close = async () => {
      await disconnect();
      await proxy.close();
    };
    return { registry: open(), second: async () => open(), close, breakDown: async () => proxy.hang() };
  },
});

describe("on a Cluster of three masters", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());

  describeRegistry("redis cluster", {
    async open() {
      const { open, disconnect } = opener(() => connectCluster(cluster.startupNodes));
      return { registry: open(), second: async () => open(), close: disconnect };
    },
    async openBreakable() {
      const { open, disconnect } = opener(() => connectCluster(cluster.startupNodes));
      return { registry: open(), second: async () => open(), close: disconnect, breakDown: disconnect };
    },
  });
});

describe("what is kept", () => {
  it("is one hash for each service, of the prefix and the service alone, and lives as long as its longest text", async () => {
    const service = newService();
    const registry = redisRegistry({ client, prefix: "own:" });
    await registry.write(service, "short", "text", 1000);
    await registry.write(service, "long", "text", MINUTE_MS);
    await registry.write(service, "short", "text", 1000);
    await registry.count(service, "epoch", 1000);
    expect(await client.keys(`*${service}*`)).toEqual([`own:revisions:${service}`]);
    const ttl = await client.pttl(`own:revisions:${service}`);
    expect(ttl).toBeGreaterThan(MINUTE_MS / 2);
    expect(ttl).toBeLessThanOrEqual(MINUTE_MS);
  });

  it("is gone by itself when the last text is kept no longer", async () => {
    const service = newService();
    await redisRegistry({ client }).write(service, "r1", "text", 50);
    await until("the hash is gone", async () => (await client.exists(`onceover:revisions:${service}`)) === 0);
  });

  it("is rid of texts that are kept no longer when a new id is written, and not of others", async () => {
    const [service, registry] = [newService(), redisRegistry({ client })];
    await registry.write(service, "kept", "text", MINUTE_MS);
    for (const id of ["r1", "r2"]) await registry.write(service, id, "text", 20);
    await client.hset(`onceover:revisions:${service}`, "later", "2|what a later version wrote");
    await until("r3 is the only one beside", async () => {
      await registry.remove(service, "r3");
      await registry.write(service, "r3", "text", MINUTE_MS);
      return (await client.hlen(`onceover:revisions:${service}`)) === 3;
    });
    expect((await client.hkeys(`onceover:revisions:${service}`)).sort()).toEqual(["kept", "later", "r3"]);
  });

  it("stands in nobody's way: unknowns() and forgetScope() of a store with the same prefix pass it by", async () => {
    const service = newService();
    const prefix = `both-${service}:`;
    await redisRegistry({ client, prefix }).write(service, "r1", "text", MINUTE_MS);
    const store = redisStore({ client, prefix });
    expect((await store.unknowns()).items).toEqual([]);
    expect(await store.forgetScope(newKey().slice(0, 16) as Parameters<typeof store.forgetScope>[0])).toMatchObject({
      forgotten: 0,
    });
    expect(await redisRegistry({ client, prefix }).list(service)).toHaveLength(1);
  });

  it("has the client's own keyPrefix in front", async () => {
    const own = connect(server.port, { keyPrefix: "app:" });
    const service = newService();
    await redisRegistry({ client: own }).write(service, "r1", "text", MINUTE_MS);
    expect(await client.exists(`app:onceover:revisions:${service}`)).toBe(1);
    own.disconnect();
  });
});

describe("what cannot be read", () => {
  it("makes list() and a write() over it reject, is left as it is, and is removed by remove()", async () => {
    const [service, registry] = [newService(), redisRegistry({ client })];
    const key = `onceover:revisions:${service}`;
    await registry.write(service, "r1", "text", MINUTE_MS);
    for (const value of ["2|1|1|1|text", "", "1|x|1|1|text", Buffer.from("1|1|1|99999999999999|\xff", "latin1")]) {
      await client.hset(key, "r2", value);
      await expect(registry.list(service)).rejects.toMatchObject({ code: "store-unavailable" });
      await registry.write(service, "r1", "text", MINUTE_MS);
      expect(await client.hgetBuffer(key, "r2")).toEqual(Buffer.from(value));
      expect(await registry.remove(service, "r2")).toBe("ok");
      expect(await registry.list(service)).toHaveLength(1);
    }
    await client.hset(key, "r2", "2|what a later version wrote");
    for (const call of [() => registry.write(service, "r2", "text", 1000), () => registry.count(service, "r2", 1000)]) {
      await expect(call()).rejects.toMatchObject({
        code: "store-unavailable",
        message: expect.stringContaining("cannot read"),
      });
      expect(await client.hget(key, "r2")).toBe("2|what a later version wrote");
    }
  });

  it("because the key is no hash makes every verb reject with store-unavailable, and no error quotes a text", async () => {
    const [service, registry] = [newService(), redisRegistry({ client })];
    await client.set(`onceover:revisions:${service}`, "somebody else's");
    for (const call of [
      () => registry.list(service),
      () => registry.write(service, "canary-id", "canary text", 1000),
      () => registry.count(service, "canary-id", 1000),
      () => registry.remove(service, "canary-id"),
    ]) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "store-unavailable" });
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain("canary");
    }
  });
});

it("no error quotes a service, an id or a text, though the client's error does", async () => {
  const own = connect(server.port);
  const refuse = (...args: unknown[]) => Promise.reject(new Error(`ERR refused: ${args.join(" ")}`));
  const registry = redisRegistry({ client: Object.assign(own, { evalshaBuffer: refuse }) });
  const service = `canary${newService().slice(6)}`;
  const error: unknown = await registry.write(service, "canary-id", "canary text", 1000).catch((one: unknown) => one);
  expect(error).toMatchObject({ code: "store-unavailable", message: expect.stringContaining("ERR refused") });
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain("canary");
  own.disconnect();
});

it("each verb is one EVALSHA", async () => {
  const [service, registry] = [newService(), redisRegistry({ client })];
  const verbs = [
    () => registry.write(service, "r1", "text", 1000),
    () => registry.count(service, "epoch", 1000),
    () => registry.list(service),
    () => registry.remove(service, "r1"),
  ];
  for (const call of verbs) await call();
  for (const call of verbs) {
    await server.cli("config", "resetstat");
    await call();
    const stats = await server.cli("info", "commandstats");
    expect(stats).toContain("cmdstat_evalsha:calls=1,");
    expect(stats).not.toContain("cmdstat_eval:");
  }
});

it("a clock that was set back gives no age below 0, and a text no writing before its first", async () => {
  const [service, registry] = [newService(), redisRegistry({ client })];
  const inAnHour = Date.now() + 3_600_000;
  await client.hset(`onceover:revisions:${service}`, "r1", `1|${inAnHour}|${inAnHour}|${inAnHour + MINUTE_MS}|text`);
  expect(await registry.list(service)).toEqual([{ id: "r1", text: "text", ageMs: 0, sinceMs: 0 }]);
  await registry.write(service, "r1", "text", MINUTE_MS);
  const aged = async () => (await registry.list(service))[0]?.ageMs ?? 0;
  await until("it grows older", async () => (await aged()) > 0);
  const [entry] = await registry.list(service);
  expect(entry?.sinceMs).toBe(entry?.ageMs);
});

it("a user who may not expire keys leaves no hash behind that stays for ever", async () => {
  await server.cli("acl", "setuser", "unfit", "on", ">secret", "~*", "+@all", "-pexpire");
  const own = connect(server.port, { username: "unfit", password: "secret" });
  const service = newService();
  await expect(redisRegistry({ client: own }).write(service, "r1", "text", 1000)).rejects.toMatchObject({
    code: "store-unavailable",
  });
  expect(await client.exists(`onceover:revisions:${service}`)).toBe(0);
  own.disconnect();
});

it("a server that has reached maxmemory takes what revisions announce all the same", async () => {
  const small = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
  const own = connect(small.port);
  try {
    await own.config("SET", "maxmemory", 1);
    await expect(own.set("key", "value")).rejects.toThrow("OOM");
    const [service, registry] = [newService(), redisRegistry({ client: own })];
    await registry.write(service, "r1", "text", MINUTE_MS);
    expect(await registry.count(service, "epoch", MINUTE_MS)).toBe(1);
    expect(await registry.list(service)).toHaveLength(2);
  } finally {
    own.disconnect();
    await small.stop();
  }
});

it("a replica answers nothing, not even list(), which it might answer with something missing", async () => {
  const replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(server.port)] });
  const own = connect(replica.port);
  try {
    await until("the replica follows", async () => (await replica.cli("info", "replication")).includes("status:up"));
    const registry = redisRegistry({ client: own });
    await expect(registry.list(newService())).rejects.toMatchObject({
      code: "store-unavailable",
      message: expect.stringContaining("READONLY"),
    });
  } finally {
    own.disconnect();
    await replica.stop();
  }
});

it("close() leaves the client to its owner", async () => {
  const registry = redisRegistry({ client });
  await registry.close();
  expect(await client.ping()).toBe("PONG");
});

it.each([
  [{ client: {} as Redis }, "client must be a Redis or Cluster of ioredis"],
  [{ prefix: "" }, 'prefix must be a string of at least one character, got ""'],
  [{ timeoutMs: -1 }, "timeoutMs must be a positive number of milliseconds below 2^31, got -1"],
])("an option that breaks its rule is refused at creation: %#", (options: Partial<RedisRegistryOptions>, message) => {
  expect(() => redisRegistry({ client, ...options })).toThrow(new TypeError(message));
});
