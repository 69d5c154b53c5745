/** Stores together with what they keep, byte for byte, to be looked at and to be changed past the store. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@onceover/core";
import { lmdbStore } from "@onceover/lmdb";
import { migrate, postgresStore } from "@onceover/postgres";
import { redisStore } from "@onceover/redis";
import { upstashStore } from "@onceover/upstash";
import { Redis as UpstashRedis } from "@upstash/redis";
import { Redis } from "ioredis";
import { open as openLmdb } from "lmdb";
import pg from "pg";
import { type FakeClock, fakeClock } from "./faketime.js";
import { startPostgres } from "./postgres-server.js";
import { startRedis } from "./redis-server.js";
import { startUpstashRest } from "./upstash-rest.js";

/** What a store keeps under one key: its columns, fields or entries by name. Bytes are Base64, times epoch milliseconds. */
export type Stored = Readonly<Record<string, string | number | boolean | null>>;

/** A store of a test's own. */
export interface Vault {
  /** The one that everybody shares; of LMDB, a further handle. */
  readonly store: Store;
  /** What is kept, by store key. */
  dump(): Promise<Record<string, Stored>>;
  /** Puts these in the place of whatever is kept. */
  load(entries: Readonly<Record<string, Stored>>): Promise<void>;
  stop(): Promise<void>;
}

/** The stores whose bytes can be seen. */
export const VAULTS = { redis: redisVault, upstash: upstashVault, lmdb: lmdbVault, postgres: postgresVault } as const;

export type VaultName = keyof typeof VAULTS;

const TIMEOUT_MS = 10_000;

/** A clock that stands still at `atMs`; without it, what runs under it has the machine's. */
async function clockAt(atMs: number | undefined): Promise<Pick<FakeClock, "under" | "remove">> {
  if (atMs === undefined) return { under: [], remove: async () => undefined };
  const clock = await fakeClock();
  await clock.freezeAt(atMs);
  return clock;
}

const PREFIX = "onceover:";
/** Redis 6.2 cannot tell the moment, only what is left until then: exact where its clock stands still. */
const EXPIRES_AT = `local at = redis.pcall('PEXPIRETIME', KEYS[1])
if type(at) == 'number' then return string.format('%.0f', at) end
local time = redis.call('TIME')
return string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + redis.call('PTTL', KEYS[1]))`;

async function redisVault(frozenMs?: number): Promise<Vault> {
  const { server, client, ...rest } = await redisUnder(frozenMs);
  const store = redisStore({ client, timeoutMs: TIMEOUT_MS });
  return { store, ...rest };
}

/** The same Redis, behind the REST interface of Upstash. */
async function upstashVault(frozenMs?: number): Promise<Vault> {
  const { server, client, stop, ...rest } = await redisUnder(frozenMs);
  const { url, token, close } = await startUpstashRest(server.port);
  const store = upstashStore({ client: new UpstashRedis({ url, token }), timeoutMs: TIMEOUT_MS });
  return {
    store,
    ...rest,
    async stop() {
      await close();
      await stop();
    },
  };
}

async function redisUnder(frozenMs: number | undefined) {
  const { under, remove } = await clockAt(frozenMs);
  const server = await startRedis({ under });
  const client = new Redis(server.port, "127.0.0.1");
  return {
    server,
    client,
    async dump() {
      const names = (await client.keys(`${PREFIX}*`)).sort();
      const entries = names.map(async (name) => [name.slice(PREFIX.length), await storedIn(client, name)] as const);
      return Object.fromEntries(await Promise.all(entries));
    },
    async load(entries: Readonly<Record<string, Stored>>) {
      await client.flushall();
      for (const [key, { string, expiresAt }] of Object.entries(entries)) {
        await client.set(PREFIX + key, bytesOf(string), "PXAT", Number(expiresAt));
      }
    },
    async stop() {
      client.disconnect();
      await server.stop();
      await remove();
    },
  };
}

async function storedIn(client: Redis, name: string): Promise<Stored> {
  const [string, expiresAt] = [await client.getBuffer(name), await client.eval(EXPIRES_AT, 1, name)];
  return { string: string?.toString("base64") ?? null, expiresAt: Number(expiresAt) };
}

async function lmdbVault(frozenMs?: number): Promise<Vault> {
  const folder = mkdtempSync(join(tmpdir(), "onceover-vault-"));
  const path = join(folder, "records.lmdb");
  const store = lmdbStore({ path, timeoutMs: TIMEOUT_MS, ...(frozenMs !== undefined && { nowMs: () => frozenMs }) });
  const root = openLmdb({ path, noSubdir: true, overlappingSync: false, eventTurnBatching: false });
  const records = root.openDB<Buffer, string>({ name: "records", encoding: "binary", useVersions: true });
  const answers = root.openDB<Buffer, string>({ name: "answers", encoding: "binary" });
  const stored = (key: string): Stored => ({
    record: records.getBinary(key)?.toString("base64") ?? null,
    answer: answers.getBinary(key)?.toString("base64") ?? null,
  });
  const keys = () => {
    records.resetReadTxn();
    return Array.from(records.getKeys());
  };
  return {
    store,
    dump: async () => Object.fromEntries(keys().map((key) => [key, stored(key)])),
    async load(entries) {
      for (const key of keys()) await Promise.all([records.remove(key), answers.remove(key)]);
      for (const [key, { record, answer }] of Object.entries(entries)) {
        await records.put(key, bytesOf(record), 1);
        if (answer !== null) await answers.put(key, bytesOf(answer));
      }
    },
    async stop() {
      await Promise.all([store.close(), root.close()]);
      rmSync(folder, { recursive: true });
    },
  };
}

const epochMs = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8 AS ${column}`;

async function postgresVault(frozenMs?: number): Promise<Vault> {
  const { under, remove } = await clockAt(frozenMs);
  const server = await startPostgres({ under });
  const pool = new pg.Pool({ connectionString: server.url });
  await migrate(pool);
  const store = postgresStore({ pool, timeoutMs: TIMEOUT_MS });
  return {
    store,
    async dump() {
      const { rows } = await pool.query(`SELECT key, version, state, token, fence::float8, attempt, fingerprint,
        ${epochMs("lease_ends_at")}, ${epochMs("expires_at")}, watched, replace(encode(record, 'base64'), E'\\n', '') AS record
        FROM onceover.records ORDER BY key`);
      return Object.fromEntries(rows.map(({ key, ...columns }) => [key, columns]));
    },
    async load(entries) {
      await pool.query("DELETE FROM onceover.records");
      for (const [key, columns] of Object.entries(entries)) await insert(pool, { key, ...columns });
    },
    async stop() {
      await store.close();
      await pool.end();
      await server.stop();
      await remove();
    },
  };
}

async function insert(pool: pg.Pool, row: Stored): Promise<void> {
  const time = (ms: unknown) => new Date(Number(ms)).toISOString();
  const values = Object.entries(row).map(([name, value]) => {
    if (name.endsWith("_at")) return time(value);
    return name === "record" && value !== null ? bytesOf(value) : value;
  });
  const places = values.map((_, index) => `$${index + 1}`);
  await pool.query(`INSERT INTO onceover.records (${Object.keys(row).join()}) VALUES (${places.join()})`, values);
}

function bytesOf(base64: Stored[string] | undefined): Buffer {
  return Buffer.from(String(base64), "base64");
}
