import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@onceover/core";
import { lmdbStore } from "@onceover/lmdb";
import { migrate, postgresStore } from "@onceover/postgres";
import { redisStore } from "@onceover/redis";
import { Redis } from "ioredis";
import { Pool } from "pg";

/** The places a storm writes to, all of its own. */
export interface Places {
  /** The file that effects are written to. */
  readonly ledger: string;
  /** Arguments that tell a worker where its records and its ledger are. */
  readonly workerArgs: readonly string[];
  /** Shown to the user. */
  readonly store: string;
  /** How many records the store lists as unknown. */
  unknowns(): Promise<number>;
  /** Removes everything that was written. */
  remove(): Promise<void>;
}

/** Where records are. */
interface Records {
  readonly name: string;
  readonly args: readonly string[];
  open(): Store;
  remove(): Promise<void>;
}

/** Makes the places: a folder of temporary files; records in a Redis or Postgres that was asked for by its URL have a prefix or a schema of their own there. */
export async function makePlaces(server?: string): Promise<Places> {
  const reached = server === undefined ? undefined : await recordsIn(server);
  const folder = await mkdtemp(join(tmpdir(), "onceover-storm-"));
  const records = reached ?? recordsInFile(join(folder, "records.lmdb"));
  const ledger = join(folder, "ledger.jsonl");
  return {
    ledger,
    workerArgs: ["--ledger", ledger, ...records.args],
    store: records.name,
    unknowns: () => countUnknowns(records.open()),
    async remove() {
      await records.remove();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function recordsInFile(path: string): Records {
  return { name: "an LMDB file", args: ["--lmdb", path], open: () => lmdbStore({ path }), remove: async () => {} };
}

function recordsIn(url: string): Promise<Records> {
  return new URL(url).protocol.startsWith("postgres") ? recordsInPostgres(url) : recordsInRedis(url);
}

async function recordsInRedis(url: string): Promise<Records> {
  const prefix = `onceover-storm-${crypto.randomUUID()}:`;
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 3_000, retryStrategy: () => null });
  client.on("error", () => {});
  await reach(url, "Redis", () => client.connect().then(() => client.ping())).catch((error: unknown) => {
    client.disconnect();
    throw error;
  });
  return {
    name: "Redis",
    args: ["--redis", url, "--prefix", prefix],
    open: () => redisStore({ client, prefix }),
    async remove() {
      await removeKeys(client, prefix);
      client.disconnect();
    },
  };
}

async function recordsInPostgres(url: string): Promise<Records> {
  const schema = `onceover_storm_${crypto.randomUUID().replaceAll("-", "")}`;
  const pool = new Pool({ connectionString: url, connectionTimeoutMillis: 3_000 });
  pool.on("error", () => {});
  await reach(url, "Postgres", () => migrate(pool, { schema })).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  return {
    name: "Postgres",
    args: ["--postgres", url, "--schema", schema],
    open: () => postgresStore({ pool, schema }),
    async remove() {
      await pool.query(`DROP SCHEMA ${schema} CASCADE`);
      await pool.end();
    },
  };
}

/** Connects, or rejects with one line that says why not. */
async function reach(url: string, name: string, connect: () => Promise<unknown>): Promise<void> {
  try {
    await connect();
  } catch (error) {
    throw new Error(
      `${name} at ${withoutSecret(url)} cannot be reached: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function withoutSecret(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

async function countUnknowns(store: Store): Promise<number> {
  let [count, cursor] = [0, undefined as string | undefined];
  do {
    const page = await (cursor === undefined ? store.unknowns() : store.unknowns(cursor));
    count += page.items.length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  await store.close();
  return count;
}

async function removeKeys(client: Redis, prefix: string): Promise<void> {
  for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if (keys.length > 0) await client.unlink(...keys);
  }
}
