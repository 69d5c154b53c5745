/**
 * Load on a service whose payments are one transaction with their record: two instances of it with caches of their own,
 * as two processes have them, and clients that send each key to both and retry until they have a final answer. What is
 * written twice shows, because nothing in the table of effects is unique but the row.
 */
import type { OnceoverEvent, Store } from "@onceover/core";
import { migrate, postgresStore } from "@onceover/postgres";
import type { RequestHandler } from "express";
import pg, { type Pool, type PoolClient } from "pg";
import { type ExpressService, serveExpress } from "./express-service.js";
import type { PostgresServer } from "./postgres-server.js";
import { sleep } from "./wait.js";

/** What the handler does beside its payment, inside the transaction. */
export type Work = (tx: PoolClient, key: string) => Promise<void>;

/** What the load is like. */
export interface LoadOptions {
  readonly server: PostgresServer;
  /** @default nothing */
  readonly work?: Work | undefined;
  /** Keys at work at once. @default 12 */
  readonly clients?: number;
  /** The store's. @default 1000 milliseconds */
  readonly timeoutMs?: number;
  /** Further settings of the pools. */
  readonly pool?: pg.PoolConfig;
}

/** What was seen. */
export interface LoadReport {
  readonly keys: number;
  readonly effects: number;
  readonly records: number;
  readonly unknown: number;
  /** Keys whose answers differed. */
  readonly divergent: number;
  /** Answers of an effect that is not there. */
  readonly phantoms: number;
  /** How many requests were sent, and how many answers of each kind came. */
  readonly sent: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
}

/** Load that goes on. */
export interface Load {
  /** How many keys have their final answer. */
  settled(): number;
  /** No new keys; settles when every key has its final answer, and tells what is in the database then. */
  end(): Promise<LoadReport>;
}

const ATTEMPTS = 2000;

/** Makes the tables, and starts services and clients. */
export async function startLoad({
  server,
  work,
  clients = 12,
  timeoutMs = 1000,
  pool = {},
}: LoadOptions): Promise<Load> {
  const admin = connect(server.url, pool);
  await migrate(admin);
  await admin.query("CREATE TABLE IF NOT EXISTS effects (id bigserial PRIMARY KEY, key text NOT NULL)");
  const events: Record<string, number> = {};
  const on = ({ type }: OnceoverEvent) => count(events, type);
  const instances = await Promise.all([1, 2].map(() => startInstance(server.url, { work, timeoutMs, pool, on })));
  const answers: Record<string, number> = {};
  const given = new Map<string, Set<string>>();
  let sent = 0;
  let isOver = false;

  async function insist(service: ExpressService, key: string): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      sent += 1;
      const { kind, text } = await post(service.url, key);
      count(answers, kind);
      if (kind === "201") return void given.get(key)?.add(text);
      await sleep(20 + Math.random() * 40);
    }
    throw new Error(`${key} has no final answer after ${ATTEMPTS} attempts`);
  }

  async function client(): Promise<void> {
    while (!isOver) {
      const key = crypto.randomUUID();
      given.set(key, new Set());
      const [first, second] = shuffled(instances.map(({ service }) => service));
      // At once, or one after the other: a duplicate in flight, and a retry.
      if (Math.random() < 0.5) await Promise.all([insist(first, key), insist(second, key)]);
      else await insist(first, key).then(() => insist(second, key));
    }
  }

  const working = Promise.all(Array.from({ length: clients }, client));
  // It is heard of at the end.
  working.catch(() => undefined);
  const settledKeys = () => [...given].filter(([, texts]) => texts.size > 0);

  return {
    settled: () => settledKeys().length,
    async end() {
      isOver = true;
      await working;
      const found = await inspect(admin, instances[0]?.store, given);
      for (const each of instances) await each.close();
      await admin.end();
      return { ...found, sent, answers, events };
    },
  };
}

interface InstanceOptions extends Pick<LoadOptions, "work">, Required<Pick<LoadOptions, "timeoutMs" | "pool">> {
  readonly on: (event: OnceoverEvent) => void;
}

async function startInstance(url: string, { work, timeoutMs, pool, on }: InstanceOptions) {
  const own = connect(url, { max: 16, connectionTimeoutMillis: 2000, ...pool });
  const store = postgresStore({ pool: own, timeoutMs });
  const pay: RequestHandler = async ({ onceover: once }, response) => {
    if (once === undefined) throw new Error("a payment needs a key");
    const { rows } = await once.tx.query("INSERT INTO effects (key) VALUES ($1) RETURNING id", [once.key]);
    await work?.(once.tx, once.key);
    response.status(201).json({ key: once.key, id: rows[0]?.id });
  };
  const idempotency = { transactional: true, required: true };
  const service = await serveExpress({ store, idempotency, on }, pay, (_request, _response, next) => next());
  return {
    service,
    store,
    async close() {
      await service.close();
      await service.once.idle();
      await store.close();
      await own.end();
    },
  };
}

async function inspect(admin: Pool, store: Store | undefined, given: ReadonlyMap<string, ReadonlySet<string>>) {
  const { rows: effects } = await admin.query<{ id: string; key: string }>("SELECT id, key FROM effects");
  const { rows: records } = await admin.query(
    "SELECT count(*)::int AS count FROM onceover.records WHERE state = 'done'",
  );
  const there = new Set(effects.map(({ id, key }) => JSON.stringify({ key, id })));
  const texts = [...given.values()];
  return {
    keys: given.size,
    effects: effects.length,
    records: records[0]?.count,
    unknown: (await store?.unknowns())?.items.length ?? -1,
    divergent: texts.filter(({ size }) => size !== 1).length,
    phantoms: texts.flatMap((each) => [...each]).filter((text) => !there.has(text)).length,
  };
}

async function post(url: string, key: string): Promise<{ readonly kind: string; readonly text: string }> {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key, "X-Caller": "alice" };
  try {
    const response = await fetch(url, { method: "POST", headers, body: "{}" });
    const text = await response.text();
    return { kind: kindOf(response, text), text };
  } catch {
    return { kind: "no answer", text: "" };
  }
}

/** The status, and what a problem says of itself. */
function kindOf({ status, headers }: Response, text: string): string {
  if (headers.get("content-type") !== "application/problem+json") return String(status);
  const { code, executed } = JSON.parse(text);
  return `${status} ${code} executed ${executed}`;
}

function connect(url: string, options: pg.PoolConfig): Pool {
  const pool = new pg.Pool({ connectionString: url, ...options });
  // Connections are lost here on purpose.
  pool.on("error", () => undefined);
  return pool;
}

function shuffled<T>([first, second]: readonly T[]): readonly [T, T] {
  if (first === undefined || second === undefined) throw new Error("there are two instances");
  return Math.random() < 0.5 ? [first, second] : [second, first];
}

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}
