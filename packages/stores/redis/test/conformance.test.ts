import { describeStore, type StoreSuite } from "@onceover/conformance";
import { type RedisCluster, startRedisCluster } from "@onceover/test/redis-cluster";
import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import { until } from "@onceover/test/wait";
import type { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe } from "vitest";
import { redisStore } from "../src/index.js";
import { connect, connectCluster } from "./clients.js";

const AOF = ["--appendonly", "yes", "--appendfsync", "always"];

/** Stores on the same records, with a client of their own each, all closed at the end of a case; no other case sees their records. */
function opener(newClient: () => Redis | Cluster, options: { waitReplicas?: number; timeoutMs?: number } = {}) {
  const clients: (Redis | Cluster)[] = [];
  const prefix = `case-${crypto.randomUUID()}:`;
  return {
    open() {
      const client = newClient();
      clients.push(client);
      return redisStore({ client, prefix, ...options });
    },
    disconnect: () => clients.splice(0).map((client) => client.disconnect()),
  };
}

describe("on a single node with an append-only file", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis({ args: AOF });
  });
  afterAll(() => server.stop());

  const suite: StoreSuite = {
    capabilities: { tier: "T1", durable: true, watches: true },
    async open() {
      const stores = opener(() => connect(server.port));
      return {
        store: stores.open(),
        second: async () => stores.open(),
        async reopen() {
          stores.disconnect();
          await server.restart();
          return stores.open();
        },
        close: async () => void stores.disconnect(),
      };
    },
    async openSmall() {
      const small = await startRedis({ args: ["--maxmemory", "5mb", "--maxmemory-policy", "noeviction"] });
      const stores = opener(() => connect(small.port));
      const close = async () => {
        stores.disconnect();
        await small.stop();
      };
      return { store: stores.open(), second: async () => stores.open(), close };
    },
  };
  describeStore("redis", suite);
});

describe("with one replica that confirms", () => {
  let master: RedisServer;
  let replica: RedisServer;
  beforeAll(async () => {
    master = await startRedis({ args: [...AOF, "--repl-diskless-sync-delay", "0"] });
    replica = await startRedis({ args: [...AOF, "--replicaof", "127.0.0.1", String(master.port)] });
    await until("the replica is online", async () => (await master.cli("info", "replication")).includes("online"));
  });
  afterAll(async () => {
    await replica.stop();
    await master.stop();
  });

  describeStore("redis, waitReplicas: 1", {
    capabilities: { tier: "T2", durable: false, watches: true },
    async open() {
      const stores = opener(() => connect(master.port), { waitReplicas: 1, timeoutMs: 5000 });
      const opened = [stores.open()];
      const [store] = opened as [(typeof opened)[0]];
      return {
        store,
        async second() {
          const other = stores.open();
          opened.push(other);
          return other;
        },
        async close() {
          await Promise.all(opened.map((one) => one.close()));
          stores.disconnect();
        },
      };
    },
  });
});

describe("on a Cluster of three masters", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());

  describeStore("redis cluster", {
    capabilities: { tier: "T1", durable: false, watches: true },
    async open() {
      const stores = opener(() => connectCluster(cluster.startupNodes), { timeoutMs: 5000 });
      return { store: stores.open(), second: async () => stores.open(), close: async () => void stores.disconnect() };
    },
  });
});
