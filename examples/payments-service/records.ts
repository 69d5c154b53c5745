import type { Store } from "@onceover/core";
import type { RevisionRegistry } from "@onceover/core/revisions";

/** Where a worker keeps its records, and finds the other revisions. */
export interface Records {
  readonly store: Store;
  registry(): RevisionRegistry;
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
  return { store: lmdbStore({ path }), registry: () => lmdbRegistry({ path }) };
}

async function overPostgres(connectionString: string, schema: string): Promise<Records> {
  const [{ Pool }, { postgresRegistry, postgresStore }] = await Promise.all([
    import("pg"),
    import("@onceover/postgres"),
  ]);
  const pool = new Pool({ connectionString, connectionTimeoutMillis: 2_000 });
  // Every call of the store says for itself what failed.
  pool.on("error", () => {});
  return { store: postgresStore({ pool, schema }), registry: () => postgresRegistry({ pool, schema }) };
}

async function overRedis(url: string, prefix: string): Promise<Records> {
  const [{ Redis }, { redisRegistry, redisStore }] = await Promise.all([import("ioredis"), import("@onceover/redis")]);
  const client = new Redis(url);
  // Every call of the store says for itself what failed.
  client.on("error", () => {});
  return { store: redisStore({ client, prefix }), registry: () => redisRegistry({ client, prefix }) };
}
