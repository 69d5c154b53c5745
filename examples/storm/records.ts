import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

/** The places a storm writes to, all of its own. */
export interface Places {
  /** The file that effects are written to. */
  readonly ledger: string;
  /** Arguments that tell a worker where its records and its ledger are. */
  readonly workerArgs: readonly string[];
  /** Shown to the user. */
  readonly store: string;
  /** Removes everything that was written. */
  remove(): Promise<void>;
}

/** Makes the places: a folder of temporary files, and in a Redis that was asked for a prefix. */
export async function makePlaces(redis?: string): Promise<Places> {
  const prefix = `onceover-storm-${crypto.randomUUID()}:`;
  const client = redis === undefined ? undefined : await reach(redis);
  const folder = await mkdtemp(join(tmpdir(), "onceover-storm-"));
  const ledger = join(folder, "ledger.jsonl");
  const records =
    redis === undefined ? ["--lmdb", join(folder, "records.lmdb")] : ["--redis", redis, "--prefix", prefix];
  return {
    ledger,
    workerArgs: ["--ledger", ledger, ...records],
    store: redis === undefined ? "an LMDB file" : "Redis",
    async remove() {
      await rm(folder, { recursive: true, force: true });
      if (client === undefined) return;
      await removeKeys(client, prefix);
      client.disconnect();
    },
  };
}

/** Connects, or rejects with one line that says why not. */
async function reach(url: string): Promise<Redis> {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 3_000, retryStrategy: () => null });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.ping();
    return client;
  } catch (error) {
    client.disconnect();
    throw new Error(
      `Redis at ${withoutSecret(url)} cannot be reached: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function withoutSecret(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

async function removeKeys(client: Redis, prefix: string): Promise<void> {
  for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if (keys.length > 0) await client.unlink(...keys);
  }
}
