/** The stores that secrets are looked for in: each on a real server, with everything it keeps, logs or sends within reach. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import type { Store } from "@onceover/core";
import type { RecordNamespace } from "@onceover/durable-object";
import { durableObjectStore } from "@onceover/durable-object/store";
import { lmdbStore } from "@onceover/lmdb";
import { migrate, postgresStore } from "@onceover/postgres";
import { redisStore } from "@onceover/redis";
import { upstashStore } from "@onceover/upstash";
import { Redis as UpstashRedis } from "@upstash/redis";
import { Redis } from "ioredis";
import pg from "pg";
import { startDurableObjects } from "./durable-object-server.js";
import { startPostgres } from "./postgres-server.js";
import { type RedisServer, startRedis } from "./redis-server.js";
import { startUpstashRest } from "./upstash-rest.js";

/** A store, and what can be done to it. */
export interface CanaryStore {
  readonly store: Store;
  /** Everything that the store's server has: files, logs, tables, and what came over the wire. */
  dump(): Promise<readonly Buffer[]>;
  /** Ways to make it fail, each with an error of its own; they last until what they give is called. */
  readonly faults: Readonly<Record<string, () => Promise<Failing>>>;
  close(): Promise<void>;
}

/** A store that fails. */
export interface Failing {
  readonly store: Store;
  heal(): Promise<void>;
}

/** How long a call of a store that hangs is waited for, in milliseconds. */
const TIMEOUT_MS = 500;

/** How each store is opened, by its name. */
export const CANARY_STORES: readonly (readonly [string, () => Promise<CanaryStore>])[] = [
  ["lmdb", openLmdb],
  ["redis", openRedis],
  ["upstash", openUpstash],
  ["postgres", openPostgres],
  ["durable-object", openDurableObjects],
];

async function openLmdb(): Promise<CanaryStore> {
  const folder = mkdtempSync(join(tmpdir(), "onceover-canary-"));
  const path = join(folder, "records.lmdb");
  const store = lmdbStore({ path });
  return {
    store,
    dump: async () => filesIn(folder),
    faults: {
      async closed() {
        const closed = lmdbStore({ path: join(folder, "closed.lmdb") });
        await closed.close();
        return { store: closed, heal: async () => {} };
      },
      async full() {
        const full = lmdbStore({ path, maxBytes: 1 });
        return { store: full, heal: () => full.close() };
      },
    },
    async close() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** With every command in the append-only file as it came, and every call in the slow log. */
const REDIS = ["--appendonly", "yes", "--appendfsync", "always", "--rdbcompression", "no"];
const SLOWLOG = ["--slowlog-log-slower-than", "0", "--slowlog-max-len", "100000"];

async function openRedis(): Promise<CanaryStore> {
  const server = await startRedis({ args: [...REDIS, ...SLOWLOG] });
  const client = new Redis(server.port, "127.0.0.1");
  client.on("error", () => undefined);
  const store = redisStore({ client, timeoutMs: TIMEOUT_MS });
  return {
    store,
    dump: () => dumpRedis(server),
    faults: {
      ...redisFaults(server, store),
      async "no right to run scripts"() {
        await server.cli("acl", "setuser", "default", "-@scripting");
        return { store, heal: async () => void (await server.cli("acl", "setuser", "default", "+@all")) };
      },
      async "scripts unknown by name"() {
        const strict = await startRedis({ args: ["--rename-command", "EVALSHA", ""] });
        const own = new Redis(strict.port, "127.0.0.1");
        const heal = async () => {
          own.disconnect();
          await strict.stop();
        };
        return { store: redisStore({ client: own }), heal };
      },
    },
    async close() {
      client.disconnect();
      await server.stop();
    },
  };
}

async function openUpstash(): Promise<CanaryStore> {
  const server = await startRedis({ args: [...REDIS, ...SLOWLOG] });
  const rest = await startUpstashRest(server.port);
  const client = new UpstashRedis({ url: rest.url, token: rest.token, retry: { retries: 1, backoff: () => 0 } });
  const store = upstashStore({ client, timeoutMs: TIMEOUT_MS });
  const failing = async (fault: Parameters<typeof rest.fail>[0]): Promise<Failing> => {
    rest.fail(fault);
    return { store, heal: async () => rest.heal() };
  };
  return {
    store,
    dump: async () => [...(await dumpRedis(server)), Buffer.from(JSON.stringify(rest.seen))],
    faults: {
      ...redisFaults(server, store),
      "reply lost": () => failing({ kind: "lose-reply" }),
      hanging: () => failing({ kind: "hang" }),
      // The client puts the whole command behind what it is told.
      "error that quotes": () => failing({ kind: "refuse", status: 400, body: '{"error":"ERR boom"}' }),
      "page of a proxy": () => failing({ kind: "refuse", status: 502, body: "<h1>Bad Gateway</h1>" }),
    },
    async close() {
      await rest.close();
      await server.stop();
    },
  };
}

function redisFaults(server: RedisServer, store: Store): CanaryStore["faults"] {
  return {
    async paused() {
      server.pause();
      return { store, heal: async () => server.resume() };
    },
    async "out of memory"() {
      await server.cli("config", "set", "maxmemory", "1");
      return { store, heal: async () => void (await server.cli("config", "set", "maxmemory", "0")) };
    },
  };
}

/** The files, the slow log, and every key as DUMP has it. */
async function dumpRedis(server: RedisServer): Promise<Buffer[]> {
  const client = new Redis(server.port, "127.0.0.1");
  await client.save();
  const [, folder = ""] = (await client.config("GET", "dir")) as string[];
  const names = await client.keys("*");
  const values = await Promise.all(names.map((name) => client.dumpBuffer(name)));
  const slow = JSON.stringify(await client.slowlog("GET", 100_000));
  client.disconnect();
  return [
    ...filesIn(folder),
    Buffer.from(names.join()),
    Buffer.from(slow),
    ...values.filter((value) => value !== null),
  ];
}

async function openPostgres(): Promise<CanaryStore> {
  const server = await startPostgres();
  const admin = new pg.Pool({ connectionString: server.url });
  const pool = new pg.Pool({ connectionString: server.url });
  for (const each of [admin, pool]) each.on("error", () => undefined);
  await migrate(pool);
  const store = postgresStore({ pool, timeoutMs: TIMEOUT_MS });
  const altered = async (change: string, back: string): Promise<Failing> => {
    await admin.query(change);
    return { store, heal: async () => void (await admin.query(back)) };
  };
  return {
    store,
    async dump() {
      await admin.query("CHECKPOINT");
      const { rows } = await admin.query("SELECT * FROM onceover.records");
      const [folder] = (await admin.query("SHOW data_directory")).rows as [{ readonly data_directory: string }];
      const columns = rows.flatMap((row: object) => Object.values(row)).map((value: unknown) => bytesOf(value));
      return [...columns, ...filesIn(folder.data_directory)];
    },
    faults: {
      // Its details quote the row.
      "row refused by a constraint": () =>
        altered(
          "ALTER TABLE onceover.records ADD CONSTRAINT never CHECK (false) NOT VALID",
          "ALTER TABLE onceover.records DROP CONSTRAINT never",
        ),
      "table gone": () =>
        altered("ALTER TABLE onceover.records RENAME TO elsewhere", "ALTER TABLE onceover.elsewhere RENAME TO records"),
      async paused() {
        await server.pause();
        return { store, heal: () => server.resume() };
      },
    },
    async close() {
      await store.close();
      await Promise.all([pool.end(), admin.end()]);
      await server.stop();
    },
  };
}

async function openDurableObjects(): Promise<CanaryStore> {
  const { namespace, server, close } = await startDurableObjects();
  const store = durableObjectStore({ namespace, timeoutMs: TIMEOUT_MS });
  return {
    store,
    dump: async () => filesIn(server.folder),
    faults: {
      async paused() {
        server.pause();
        return { store, heal: async () => server.resume() };
      },
      async "object that quotes"() {
        return { store: durableObjectStore({ namespace: quoting(namespace) }), heal: async () => {} };
      },
    },
    async close() {
      await store.close();
      await close();
    },
  };
}

/** Objects that fail, with what they were given in the error. */
function quoting(namespace: RecordNamespace): RecordNamespace {
  const fail = (...args: readonly unknown[]) => Promise.reject(new Error(`failed at ${inspect(args)}`));
  const failing = new Proxy({} as ReturnType<RecordNamespace["get"]>, { get: () => fail });
  return { idFromName: (name) => namespace.idFromName(name), get: () => failing };
}

function bytesOf(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(String(value));
}

/** Every file below a folder that can be read. */
function filesIn(folder: string): Buffer[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
}
