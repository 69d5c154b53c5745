import { check, FUNCTION, positive, type Rules } from "./check-options.js";
import { OnceoverError } from "./error.js";
import { type MemoryEntry, type MemoryTable, memoryTable, nextFence } from "./memory-table.js";
import type {
  Acquired,
  AcquireRequest,
  ForgottenPage,
  Found,
  OwnedRecord,
  OwnerToken,
  RunningRecord,
  ScopeDigest,
  Store,
  StoreKey,
  UnknownPage,
  UnknownRecord,
  Written,
} from "./store.js";

/** Options of `memoryStore`. */
export interface MemoryStoreOptions {
  /**
   * How many records it holds, of any state; a new key beyond that is refused.
   * @default 100_000
   */
  readonly maxRecords?: number;
  /**
   * How many bytes the recorded answers may take together. New keys are refused from seven eighths of it on; the
   * rest is kept for the answers of runs that are under way.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxBytes?: number;
  /**
   * The clock, in epoch milliseconds.
   * @default Date.now
   */
  readonly nowMs?: () => number;
}

const RULES: Rules = { maxRecords: positive("records"), maxBytes: positive("bytes"), nowMs: FUNCTION };

const PAGE_ITEMS = 100;

/**
 * Keeps records in the memory of this process: for development, tests and a single process that may forget them when
 * it ends. It never evicts a live record: when it is full, `acquire` of a new key rejects with `OnceoverError`
 * `store-full`. A `complete` whose record does not fit rejects with `store-full` too and leaves the record running,
 * so that its owner still holds the key and may complete it with a smaller one. Expired records are dropped by later
 * calls; there are no timers. After `close` every verb but `close` rejects with `store-unavailable`.
 *
 * @throws TypeError when an option is out of range
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { maxRecords = 100_000, maxBytes = 64 * 1024 * 1024, nowMs = Date.now } = options;
  check("memoryStore", RULES, options);

  const table = memoryTable(maxRecords, maxBytes);
  let closed = false;

  /** Every verb is one synchronous step; `async` turns what it throws into a rejection. */
  function at(): number {
    if (closed) throw new OnceoverError("store-unavailable", "the memory store was closed");
    return nowMs();
  }

  return {
    name: "memory",
    acquire: async (request) => acquire(table, request, at()),
    renew: async (key, token, leaseMs) => renew(table, key, token, leaseMs, at()),
    complete: async (key, token, record, retentionMs) => complete(table, key, token, record, retentionMs, at()),
    abandon: async (key, token) => abandon(table, key, token, at()),
    read: async (key) => read(table, key, at()),
    forget: async (key) => forget(table, key, at()),
    forgetScope: async (scope) => forgetScope(table, scope, at()),
    unknowns: async (cursor) => unknowns(table, cursor, at()),
    verify: async () => ({ tier: "T0", findings: [] }),
    async close() {
      closed = true;
      table.clear();
    },
  };
}

function acquire(table: MemoryTable, request: AcquireRequest, now: number): Acquired {
  const entry = table.live(request.key, now);
  if (entry === undefined) return owned(table.add(request, now));
  if (entry.state === "done") return { outcome: "done", record: entry.record.slice() };
  if (entry.state === "abandoned" || mayTakeOver(entry, request, now)) beginNextRun(entry, request, now);
  else if (entry.token !== request.token) return look(entry, now);
  entry.leaseEndsMs = now + request.leaseMs;
  table.expireAt(entry, now + request.retentionMs);
  return owned(entry);
}

function renew(table: MemoryTable, key: StoreKey, token: OwnerToken, leaseMs: number, now: number): Written {
  const entry = table.live(key, now);
  if (entry?.state !== "running" || entry.token !== token) return "stale";
  entry.leaseEndsMs = now + leaseMs;
  return "ok";
}

function complete(
  table: MemoryTable,
  key: StoreKey,
  token: OwnerToken,
  record: Uint8Array,
  retentionMs: number,
  now: number,
): Written {
  const entry = table.live(key, now);
  if (entry === undefined || entry.token !== token || entry.state === "abandoned") return "stale";
  if (entry.state === "done") return "ok";
  table.keep(entry, record, now);
  entry.state = "done";
  table.expireAt(entry, now + retentionMs);
  return "ok";
}

function abandon(table: MemoryTable, key: StoreKey, token: OwnerToken, now: number): Written {
  const entry = table.live(key, now);
  if (entry === undefined || entry.token !== token || entry.state === "done") return "stale";
  entry.state = "abandoned";
  return "ok";
}

function read(table: MemoryTable, key: StoreKey, now: number): Found {
  const entry = table.live(key, now);
  if (entry === undefined || entry.state === "abandoned") return { outcome: "none" };
  return entry.state === "done" ? { outcome: "done", record: entry.record.slice() } : look(entry, now);
}

function forget(table: MemoryTable, key: StoreKey, now: number): "ok" | "none" {
  const entry = table.live(key, now);
  if (entry === undefined) return "none";
  table.drop(entry);
  return "ok";
}

/** All in one step: the table is walked in any case. */
function forgetScope(table: MemoryTable, scope: ScopeDigest, now: number): ForgottenPage {
  const ofScope = [...table.all()].filter(({ key }) => key.startsWith(scope));
  for (const entry of ofScope) table.drop(entry);
  return { forgotten: ofScope.filter(({ expiresMs }) => expiresMs > now).length };
}

function unknowns(table: MemoryTable, cursor: string | undefined, now: number): UnknownPage {
  const after = serialOf(cursor);
  const items: UnknownPage["items"][number][] = [];
  for (const entry of table.all()) {
    if (entry.serial <= after || !isUnknown(entry, now)) continue;
    const { outcome: _, ...item } = unknown(entry, now);
    items.push({ key: entry.key, ...item });
    if (items.length === PAGE_ITEMS) return { items, cursor: String(entry.serial) };
  }
  return { items };
}

function serialOf(cursor = "0"): number {
  if (!/^\d{1,16}$/.test(cursor)) throw new TypeError(`cursor must be one that unknowns() gave, got ${cursor}`);
  return Number(cursor);
}

function beginNextRun(entry: MemoryEntry, { token, fingerprint }: AcquireRequest, now: number): void {
  entry.state = "running";
  entry.token = token;
  entry.fingerprint = fingerprint;
  entry.fence = nextFence(entry.fence, now);
  entry.attempt += 1;
}

function owned({ fence, attempt }: MemoryEntry): OwnedRecord {
  return { outcome: "acquired", fence, attempt };
}

/** A run of somebody else, by its lease. */
function look(entry: MemoryEntry, now: number): RunningRecord | UnknownRecord {
  const leaseLeftMs = entry.leaseEndsMs - now;
  return leaseLeftMs > 0 ? { outcome: "running", fingerprint: entry.fingerprint, leaseLeftMs } : unknown(entry, now);
}

function unknown({ fingerprint, fence, attempt, leaseEndsMs }: MemoryEntry, now: number): UnknownRecord {
  return { outcome: "unknown", fingerprint, fence, attempt, sinceMs: now - leaseEndsMs };
}

function isUnknown(entry: MemoryEntry, now: number): boolean {
  return entry.state === "running" && entry.leaseEndsMs <= now && entry.expiresMs > now;
}

/** Its own token takes nothing over: the run is its already. */
function mayTakeOver(entry: MemoryEntry, { token, fingerprint, takeOver }: AcquireRequest, now: number): boolean {
  const agreed = takeOver === true || takeOver === entry.fence;
  return agreed && token !== entry.token && fingerprint === entry.fingerprint && isUnknown(entry, now);
}
