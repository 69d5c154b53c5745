import { startRedisCluster } from "@onceover/test/redis-cluster";
import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import { until } from "@onceover/test/wait";
import { Cluster } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { redisStore } from "../src/index.js";
import { asking, connect, outcomeOf } from "./clients.js";

const AOF = ["--appendonly", "yes"];
const ends: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(args: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedis({ args });
  ends.push(() => server.stop());
  return server;
}

function open(server: RedisServer, waitReplicas?: number) {
  const client = connect(server.port);
  const store = redisStore({ client, ...(waitReplicas !== undefined && { waitReplicas }) });
  ends.push(() => client.disconnect());
  ends.push(() => store.close());
  return store;
}

async function startPair(args: readonly string[]): Promise<{ master: RedisServer; replica: RedisServer }> {
  const master = await start([...args, "--repl-diskless-sync-delay", "0"]);
  const replica = await start([...args, "--replicaof", "127.0.0.1", String(master.port)]);
  await until("the replica is online", async () => (await master.cli("info", "replication")).includes("state=online"));
  return { master, replica };
}

describe("verify", () => {
  it("finds T1 and nothing to mend on a single node with noeviction, and leaves no key behind", async () => {
    const server = await start();
    expect(await open(server).verify()).toEqual({ tier: "T1", findings: [] });
    expect(await server.cli("dbsize")).toBe("0");
  });

  it.each(["allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl"])(
    "refuses the policy %s, naming maxmemory-policy and the mend",
    async (policy) => {
      const server = await start(["--maxmemory-policy", policy]);
      const { findings } = await open(server).verify();
      expect(findings).toHaveLength(1);
      expect(findings[0]).toMatchObject({ setting: "maxmemory-policy" });
      expect(findings[0]?.problem).toContain(policy);
      expect(findings[0]?.mend).toContain("CONFIG SET maxmemory-policy noeviction");
    },
  );

  it("refuses a replica, and read() never answers from one", async () => {
    const { replica } = await startPair([]);
    const store = open(replica);
    const { findings } = await store.verify();
    expect(findings.map(({ setting }) => setting)).toEqual(["replicaof"]);
    expect(await outcomeOf(store.read(asking().key))).toBe("store-unavailable");
    expect(await outcomeOf(store.acquire(asking()))).toBe("store-unavailable");
  });

  it("needs no CONFIG, which managed services forbid", async () => {
    const server = await start(["--rename-command", "CONFIG", "", "--maxmemory-policy", "noeviction"]);
    expect((await open(server).verify()).findings).toEqual([]);
    const evicting = await start(["--rename-command", "CONFIG", "", "--maxmemory-policy", "allkeys-lfu"]);
    expect((await open(evicting).verify()).findings.map(({ setting }) => setting)).toEqual(["maxmemory-policy"]);
  });

  it("finds that the user may not run scripts", async () => {
    const server = await start();
    await server.cli("acl", "setuser", "default", "-@scripting");
    expect((await open(server).verify()).findings.map(({ setting }) => setting)).toEqual(["EVALSHA"]);
  });

  it("works on a server that is out of memory, which is a state and no setting", async () => {
    const server = await start(["--maxmemory-policy", "noeviction", "--maxmemory", "1"]);
    expect(await open(server).verify()).toEqual({ tier: "T1", findings: [] });
  });

  it("rejects as store-unavailable where the server cannot be reached", async () => {
    const server = await start();
    const store = open(server);
    await server.kill();
    await expect(store.verify()).rejects.toMatchObject({ code: "store-unavailable" });
  });
});

describe("verify with waitReplicas", () => {
  it("finds T2 with an append-only file, noeviction and a replica online", async () => {
    const { master } = await startPair(AOF);
    expect(await open(master, 1).verify()).toEqual({ tier: "T2", findings: [] });
  });

  it("finds T1 without waitReplicas, whatever the server has", async () => {
    const { master } = await startPair(AOF);
    expect(await open(master).verify()).toEqual({ tier: "T1", findings: [] });
  });

  it("refuses a server without an append-only file, or with too few replicas, or that evicts", async () => {
    const { master } = await startPair([]);
    const settings = async (waitReplicas: number) => {
      const { tier, findings } = await open(master, waitReplicas).verify();
      expect(tier).toBe("T1");
      return findings.map(({ setting }) => setting);
    };
    expect(await settings(1)).toEqual(["appendonly"]);
    expect(await settings(2)).toEqual(["appendonly", "waitReplicas"]);
    await master.cli("config", "set", "maxmemory-policy", "allkeys-lru");
    expect(await settings(1)).toEqual(["maxmemory-policy", "appendonly"]);
  });
});

it("refuses waitReplicas below the replicas online: one that has not confirmed may be promoted", async () => {
  const { master } = await startPair(AOF);
  const more = await startRedis({ args: ["--replicaof", "127.0.0.1", String(master.port), ...AOF] });
  ends.push(() => more.stop());
  const settings = async (waitReplicas: number) => {
    const { tier, findings } = await open(master, waitReplicas).verify();
    return [tier, ...findings.map(({ setting, mend }) => `${setting}: ${mend}`)];
  };
  await expect.poll(() => settings(2), { timeout: 20_000 }).toEqual(["T2"]);
  expect(await settings(1)).toEqual(["T1", "waitReplicas: waitReplicas: 2"]);
});

it("verify on a Cluster examines every master and names the one to mend", async () => {
  const cluster = await startRedisCluster();
  ends.push(() => cluster.stop());
  const client = new Cluster([...cluster.startupNodes]);
  ends.push(() => client.disconnect());
  const store = redisStore({ client, timeoutMs: 5000 });
  expect(await store.verify()).toEqual({ tier: "T1", findings: [] });
  const [, second] = await cluster.masters();
  await second?.cli("config", "set", "maxmemory-policy", "volatile-lru");
  const { findings } = await store.verify();
  expect(findings).toHaveLength(1);
  expect(findings[0]?.problem).toContain(`127.0.0.1:${second?.port} has volatile-lru`);
});
