import { OnceoverError } from "./error.js";
import { type Expiring, expiryHeap } from "./expiry-heap.js";
import type {
  Acquired,
  AcquireRequest,
  Fingerprint,
  Found,
  OwnedRecord,
  OwnerToken,
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

/** One record. Changed in place: a store of objects that are replaced would pay for it on every request. */
interface Entry extends Expiring {
  readonly key: StoreKey;
  /** Grows with each new entry, as the order of the map does; the cursor of `unknowns`. */
  readonly serial: number;
  state: "running" | "done" | "abandoned";
  token: OwnerToken;
  fingerprint: Fingerprint;
  fence: number;
  attempt: number;
  leaseEndsMs: number;
  record: Uint8Array;
}

const EMPTY = new Uint8Array(0);
const PAGE_ITEMS = 100;
/** Expired records dropped per acquire: more than one, so that a backlog shrinks; few, so that none pays for all. */
const SWEEP_ITEMS = 16;

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
  checkCount("maxRecords", maxRecords);
  checkCount("maxBytes", maxBytes);
  if (typeof nowMs !== "function") throw new TypeError(`nowMs must be a function, got ${String(nowMs)}`);

  const acquireBytes = maxBytes - Math.floor(maxBytes / 8);
  const entries = new Map<StoreKey, Entry>();
  const byExpiry = expiryHeap<Entry>();
  let bytes = 0;
  let serials = 0;
  let closed = false;

  /** The live record of a key. */
  function find(key: StoreKey, now: number): Entry | undefined {
    if (closed) throw new OnceoverError("store-unavailable", "the memory store was closed");
    const entry = entries.get(key);
    return entry === undefined || entry.expiresMs <= now ? undefined : entry;
  }

  /** The live record of a key, where it is a run of `token` that has neither ended nor been abandoned. */
  function findRun(key: StoreKey, token: OwnerToken, now: number): Entry | undefined {
    const entry = find(key, now);
    return entry?.state === "running" && entry.token === token ? entry : undefined;
  }

  function drop(entry: Entry): void {
    entries.delete(entry.key);
    byExpiry.remove(entry);
    bytes -= entry.record.length;
  }

  function sweep(now: number): void {
    for (let count = 0; count < SWEEP_ITEMS; count++) {
      const first = byExpiry.first();
      if (first === undefined || first.expiresMs > now) return;
      drop(first);
    }
  }

  function create({ key, token, fingerprint, leaseMs, retentionMs }: AcquireRequest, now: number): OwnedRecord {
    const expired = entries.get(key);
    if (expired !== undefined) drop(expired);
    sweep(now);
    if (entries.size >= maxRecords) throw full(`${maxRecords} records (maxRecords)`);
    if (bytes >= acquireBytes) throw full(`${bytes} bytes of answers, near maxBytes`);
    const entry: Entry = {
      key,
      serial: ++serials,
      state: "running",
      token,
      fingerprint,
      fence: nextFence(expired?.fence ?? 0, now),
      attempt: 1,
      leaseEndsMs: now + leaseMs,
      record: EMPTY,
      expiresMs: now + retentionMs,
      slot: 0,
    };
    entries.set(key, entry);
    byExpiry.add(entry);
    return owned(entry);
  }

  /** A new run on a record that was abandoned or is taken over. */
  function rerun(entry: Entry, { token, fingerprint, leaseMs, retentionMs }: AcquireRequest, now: number): OwnedRecord {
    entry.state = "running";
    entry.token = token;
    entry.fingerprint = fingerprint;
    entry.fence = nextFence(entry.fence, now);
    entry.attempt += 1;
    return extend(entry, leaseMs, retentionMs, now);
  }

  function extend(entry: Entry, leaseMs: number, retentionMs: number, now: number): OwnedRecord {
    entry.leaseEndsMs = now + leaseMs;
    byExpiry.move(entry, now + retentionMs);
    return owned(entry);
  }

  function acquire(request: AcquireRequest): Acquired {
    const now = nowMs();
    const entry = find(request.key, now);
    if (entry === undefined) return create(request, now);
    if (entry.state === "abandoned") return rerun(entry, request, now);
    if (entry.state === "done") return { outcome: "done", record: entry.record.slice() };
    if (entry.token === request.token) return extend(entry, request.leaseMs, request.retentionMs, now);
    return mayTakeOver(entry, request, now) ? rerun(entry, request, now) : look(entry, now);
  }

  function complete(key: StoreKey, token: OwnerToken, record: Uint8Array, retentionMs: number): Written {
    const now = nowMs();
    const entry = find(key, now);
    if (entry === undefined || entry.token !== token || entry.state === "abandoned") return "stale";
    if (entry.state === "done") return "ok";
    if (bytes + record.length > maxBytes) sweep(now);
    if (bytes + record.length > maxBytes) throw full(`${bytes} bytes of answers, no room for ${record.length} more`);
    entry.state = "done";
    entry.record = new Uint8Array(record);
    bytes += record.length;
    byExpiry.move(entry, now + retentionMs);
    return "ok";
  }

  function renew(key: StoreKey, token: OwnerToken, leaseMs: number): Written {
    const now = nowMs();
    const entry = findRun(key, token, now);
    if (entry === undefined) return "stale";
    entry.leaseEndsMs = now + leaseMs;
    return "ok";
  }

  function abandon(key: StoreKey, token: OwnerToken): Written {
    const entry = find(key, nowMs());
    if (entry === undefined || entry.token !== token || entry.state === "done") return "stale";
    entry.state = "abandoned";
    return "ok";
  }

  function read(key: StoreKey): Found {
    const now = nowMs();
    const entry = find(key, now);
    if (entry === undefined || entry.state === "abandoned") return { outcome: "none" };
    return entry.state === "done" ? { outcome: "done", record: entry.record.slice() } : look(entry, now);
  }

  function forget(key: StoreKey): "ok" | "none" {
    const entry = find(key, nowMs());
    if (entry === undefined) return "none";
    drop(entry);
    return "ok";
  }

  function unknowns(cursor = "0"): UnknownPage {
    if (closed) throw new OnceoverError("store-unavailable", "the memory store was closed");
    if (!/^\d{1,16}$/.test(cursor)) throw new TypeError(`cursor must be one that unknowns() gave, got ${cursor}`);
    const [now, after] = [nowMs(), Number(cursor)];
    const items: UnknownPage["items"][number][] = [];
    for (const entry of entries.values()) {
      if (entry.serial <= after || !isUnknown(entry, now)) continue;
      const { outcome: _, ...item } = unknown(entry, now);
      items.push({ key: entry.key, ...item });
      if (items.length === PAGE_ITEMS) return { items, cursor: String(entry.serial) };
    }
    return { items };
  }

  return {
    name: "memory",
    acquire: async (request) => acquire(request),
    renew: async (key, token, leaseMs) => renew(key, token, leaseMs),
    complete: async (key, token, record, retentionMs) => complete(key, token, record, retentionMs),
    abandon: async (key, token) => abandon(key, token),
    read: async (key) => read(key),
    forget: async (key) => forget(key),
    unknowns: async (cursor) => unknowns(cursor),
    verify: async () => ({ tier: "T0", findings: [] }),
    async close() {
      closed = true;
      entries.clear();
      byExpiry.clear();
    },
  };
}

function owned({ fence, attempt }: Entry): OwnedRecord {
  return { outcome: "acquired", fence, attempt };
}

/** A run of somebody else, by its lease. */
function look(entry: Entry, now: number): Acquired & Found {
  const leaseLeftMs = entry.leaseEndsMs - now;
  return leaseLeftMs > 0 ? { outcome: "running", fingerprint: entry.fingerprint, leaseLeftMs } : unknown(entry, now);
}

function unknown({ fingerprint, fence, attempt, leaseEndsMs }: Entry, now: number): UnknownRecord {
  return { outcome: "unknown", fingerprint, fence, attempt, sinceMs: now - leaseEndsMs };
}

function isUnknown(entry: Entry, now: number): boolean {
  return entry.state === "running" && entry.leaseEndsMs <= now && entry.expiresMs > now;
}

function mayTakeOver(entry: Entry, { fingerprint, takeOver }: AcquireRequest, now: number): boolean {
  const agreed = takeOver === true || takeOver === entry.fence;
  return agreed && fingerprint === entry.fingerprint && isUnknown(entry, now);
}

function nextFence(previous: number, now: number): number {
  return Math.max(previous + 1, Math.floor(now));
}

function full(holds: string): OnceoverError {
  return new OnceoverError("store-full", `the memory store is full: it holds ${holds} and never evicts a live record`);
}

function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new TypeError(`${name} must be a positive integer, got ${String(value)}`);
}
