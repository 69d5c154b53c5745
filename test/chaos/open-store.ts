import type { Store } from "@onceover/core";
import { durableObjectStore } from "@onceover/durable-object/store";
import { lmdbStore } from "@onceover/lmdb";
import { postgresStore } from "@onceover/postgres";
import { redisStore } from "@onceover/redis";
import { connectObjects } from "@onceover/test/durable-objects";
import { upstashStore } from "@onceover/upstash";
import { Redis as UpstashRedis } from "@upstash/redis";
import { Cluster, Redis } from "ioredis";
import { Pool } from "pg";

/** Where records are kept, as a process is told. */
export type Place =
  | { readonly kind: "lmdb"; readonly path: string }
  | { readonly kind: "redis"; readonly port: number }
  | {
      readonly kind: "redis-sentinel";
      readonly sentinels: readonly Address[];
      readonly name: string;
      readonly by: By;
      readonly waitReplicas: number;
    }
  | { readonly kind: "redis-cluster"; readonly nodes: readonly Address[]; readonly by: By }
  | { readonly kind: "upstash"; readonly url: string; readonly token: string }
  | { readonly kind: "postgres"; readonly url: string }
  | { readonly kind: "durable-object"; readonly url: string };

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** By which address a node is reached, by the one it tells of itself. */
export type By = Readonly<Record<string, Address>>;

/** A store, and the client it was given. */
export interface OpenStore {
  readonly store: Store;
  close(): Promise<void>;
}

/** Shorter than any lease, so that what is asked in vain is told in time. In milliseconds. */
const TIMEOUT_MS = 400;

/** Opens the store of a place, with a client of its own. */
export function openStore(place: Place): OpenStore {
  switch (place.kind) {
    case "lmdb": {
      const store = lmdbStore({ path: place.path });
      return { store, close: () => store.close() };
    }
    case "redis":
      return overRedis(new Redis(place.port, "127.0.0.1", { maxRetriesPerRequest: null }));
    case "redis-sentinel": {
      const { sentinels, name, by, waitReplicas } = place;
      const retry = { sentinelRetryStrategy: () => 100, retryStrategy: () => 100, maxRetriesPerRequest: null };
      return overRedis(new Redis({ sentinels: [...sentinels], name, natMap: { ...by }, ...retry }), waitReplicas);
    }
    case "redis-cluster": {
      const { nodes, by } = place;
      return overRedis(new Cluster([...nodes], { natMap: { ...by }, clusterRetryStrategy: () => 100 }));
    }
    case "upstash": {
      const store = upstashStore({ client: new UpstashRedis(place), timeoutMs: TIMEOUT_MS });
      return { store, close: () => store.close() };
    }
    case "postgres":
      return overPostgres(new Pool({ connectionString: place.url, connectionTimeoutMillis: 1000 }));
    case "durable-object": {
      const { namespace } = connectObjects(place.url);
      const store = durableObjectStore({ namespace, timeoutMs: TIMEOUT_MS });
      return { store, close: () => store.close() };
    }
    // no default
  }
}

function overRedis(client: Redis | Cluster, waitReplicas?: number): OpenStore {
  // Every call of the store says for itself what failed.
  client.on("error", () => {});
  const store = redisStore({ client, timeoutMs: TIMEOUT_MS, ...(waitReplicas === undefined ? {} : { waitReplicas }) });
  return {
    store,
    async close() {
      await store.close();
      client.disconnect();
    },
  };
}

function overPostgres(pool: Pool): OpenStore {
  pool.on("error", () => {});
  const store = postgresStore({ pool, timeoutMs: TIMEOUT_MS });
  return {
    store,
    async close() {
      await store.close();
      await pool.end();
    },
  };
}
