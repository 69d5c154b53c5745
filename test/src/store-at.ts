/** A store by the place it is kept in: what a test says to a process of its own on the command line. */
import type { Store } from "@onceover/core";
import { lmdbStore } from "@onceover/lmdb";
import { postgresStore } from "@onceover/postgres";
import { redisStore } from "@onceover/redis";
import { Redis } from "ioredis";
import pg from "pg";

/** A store, and the client that was made for it. */
export interface OpenStore {
  readonly store: Store;
  close(): Promise<void>;
}

/** Far beyond what any answer takes, so that a busy machine decides nothing. */
const TIMEOUT_MS = 10_000;

/** Opens the store at a URL of Redis or Postgres, or at the path of an LMDB file. */
export function storeAt(place: string): OpenStore {
  if (place.startsWith("redis:")) return overRedis(new Redis(place));
  if (place.startsWith("postgres:")) return overPostgres(new pg.Pool({ connectionString: place }));
  const store = lmdbStore({ path: place });
  return { store, close: () => store.close() };
}

function overRedis(client: Redis): OpenStore {
  // Each call of the store says for itself what failed.
  client.on("error", () => undefined);
  const store = redisStore({ client, timeoutMs: TIMEOUT_MS });
  return {
    store,
    async close() {
      await store.close();
      client.disconnect();
    },
  };
}

function overPostgres(pool: pg.Pool): OpenStore {
  pool.on("error", () => undefined);
  const store = postgresStore({ pool, timeoutMs: TIMEOUT_MS });
  return {
    store,
    async close() {
      await store.close();
      await pool.end();
    },
  };
}
