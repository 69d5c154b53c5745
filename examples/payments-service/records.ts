import type { Store } from "@onceover/core";
import type { RevisionRegistry } from "@onceover/core/revisions";

/** Where a worker keeps its records, and finds the other revisions. */
export interface Records {
  readonly store: Store;
  registry(): RevisionRegistry;
  /** Nothing of it keeps the process any more. */
  close(): Promise<void>;
}

/** Which place it is: Redis or Postgres where they are given by URL, otherwise an LMDB file. */
export interface RecordsAt {
  readonly lmdb: string;
  readonly redis?: string | undefined;
  readonly prefix: string;
  readonly postgres?: string | undefined;
  readonly schema: string;
}

/** Opens the place. Only the client of that one is loaded: a worker that was killed is to be back soon. */
export function openRecords({ lmdb, redis, prefix, postgres, schema }: RecordsAt): Promise<Records> {
  if (redis !== undefined) return overRedis(redis, prefix);
  if (postgres !== undefined) return overPostgres(postgres, schema);
  return inFile(lmdb);
}

async function inFile(path: string): Promise<Records> {
  const { lmdbRegistry, lmdbStore } = await import("@onceover/lmdb");
  const store = lmdbStore({ path });
  return { store, registry: () => lmdbRegistry({ path }), close: store.close };
}

async function overPostgres(connectionString: string, schema: string): Promise<Records> {
  const [{ Pool }, { postgresRegistry, postgresStore }] = await Promise.all([
    import("pg"),
    import("@onceover/postgres"),
  ]);
  const pool = new Pool({ connectionString, connectionTimeoutMillis: 2_000 });
  // Every call of the store says for itself what failed.
  pool.on("error", () => {});
  const store = postgresStore({ pool, schema });
  return { store, registry: () => postgresRegistry({ pool, schema }), close: () => pool.end() };
}

async function overRedis(url: string, prefix: string): Promise<Records> {
  const [{ Redis }, { redisRegistry, redisStore }] = await Promise.all([import("ioredis"), import("@onceover/redis")]);
  const client = new Redis(url);
  // Every call of the store says for itself what failed.
  client.on("error", () => {});
  const store = redisStore({ client, prefix });
  return { store, registry: () => redisRegistry({ client, prefix }), close: async () => void (await client.quit()) };
}
