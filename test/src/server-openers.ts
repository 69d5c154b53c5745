/** The stores on servers that every adapter is tried over: a fresh one for each case, on a server of the suite's own. */
import { durableObjectStore } from "@onceover/durable-object/store";
import { migrate, postgresStore } from "@onceover/postgres";
import { redisStore } from "@onceover/redis";
import { upstashStore } from "@onceover/upstash";
import { Redis as UpstashRedis } from "@upstash/redis";
import { Cluster } from "ioredis";
import pg from "pg";
import { startDurableObjects } from "./durable-object-server.js";
import { connectObjects } from "./durable-objects.js";
import { startPostgres } from "./postgres-server.js";
import { startRedisCluster } from "./redis-cluster.js";
import { startRedis } from "./redis-server.js";
import type { StoreOpener } from "./store-openers.js";
import { startUpstashRest } from "./upstash-rest.js";

/** A Cluster of three masters, each store with connections and a prefix of its own. */
export function clusterOpener(): StoreOpener {
  const starting = startRedisCluster();
  let stores = 0;
  return {
    async openStore() {
      const client = new Cluster([...(await starting).startupNodes]);
      const store = redisStore({ client, prefix: `case-${++stores}:` });
      return {
        store,
        async close() {
          await store.close();
          client.disconnect();
        },
      };
    },
    async end() {
      await (await starting).stop();
    },
  };
}

/** One Redis behind the REST interface of Upstash, each store with a client and a prefix of its own. */
export function upstashOpener(): StoreOpener {
  const starting = startRedis().then(async (server) => ({ server, rest: await startUpstashRest(server.port) }));
  let stores = 0;
  return {
    async openStore() {
      const { url, token } = (await starting).rest;
      const store = upstashStore({ client: new UpstashRedis({ url, token }), prefix: `case-${++stores}:` });
      return { store, close: () => store.close() };
    },
    async end() {
      const { server, rest } = await starting;
      await rest.close();
      await server.stop();
    },
  };
}

/** One Postgres and one pool, each store with a schema of its own: cases run several services at once, under the same keys. */
export function postgresOpener(): StoreOpener {
  const starting = startPostgres().then((server) => ({ server, pool: new pg.Pool({ connectionString: server.url }) }));
  let stores = 0;
  return {
    async openStore() {
      const { pool } = await starting;
      const schema = `case_${++stores}`;
      await migrate(pool, { schema });
      const store = postgresStore({ pool, schema });
      return { store, close: () => store.close() };
    },
    async end() {
      const { server, pool } = await starting;
      await pool.end();
      await server.stop();
    },
  };
}

/** Durable Objects in workerd, each store with objects of its own. */
export function durableObjectOpener(): StoreOpener {
  const starting = startDurableObjects();
  let stores = 0;
  return {
    async openStore() {
      const { namespace } = connectObjects((await starting).url, `case-${++stores}-`);
      const store = durableObjectStore({ namespace, shards: 1, timeoutMs: 10_000 });
      // Some cases have leases of 60 ms, and an object that is called for the first time makes its tables.
      await store.verify();
      return { store, close: () => store.close() };
    },
    async end() {
      await (await starting).close();
    },
  };
}
