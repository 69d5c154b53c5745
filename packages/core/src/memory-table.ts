import { OnceoverError } from "./error.js";
import type { AcquireRequest, Fingerprint, OwnerToken, StoreKey } from "./store.js";

/** One record. Changed in place: a store of objects that are replaced would pay for it on every request. */
export interface MemoryEntry {
  readonly key: StoreKey;
  /** Grows with each new entry, as the order of the table does. */
  readonly serial: number;
  state: "running" | "done" | "abandoned";
  token: OwnerToken;
  fingerprint: Fingerprint;
  fence: number;
  attempt: number;
  leaseEndsMs: number;
  record: Uint8Array;
  /** When it expires, in epoch milliseconds. */
  expiresMs: number;
}

/** The entries of a memory store, and the bounds on their number and bytes. */
export interface MemoryTable {
  /** The entry of a key, unless its retention has ended. */
  live(key: StoreKey, nowMs: number): MemoryEntry | undefined;
  /** Adds a running entry for a key that has no live one; throws `store-full`. */
  add(request: AcquireRequest, nowMs: number): MemoryEntry;
  /** Keeps a copy of the answer; throws `store-full`. */
  keep(entry: MemoryEntry, record: Uint8Array, nowMs: number): void;
  /** Changes when an entry expires. */
  expireAt(entry: MemoryEntry, expiresMs: number): void;
  drop(entry: MemoryEntry): void;
  /** All entries, by serial; some may have expired. */
  all(): Iterable<MemoryEntry>;
  clear(): void;
}

const EMPTY = new Uint8Array(0);
/** Entries looked at per addition: more than one, so that a backlog shrinks; few, so that none pays for all. */
const SWEEP_ITEMS = 16;

/** Makes an empty table. */
export function memoryTable(maxRecords: number, maxBytes: number): MemoryTable {
  const addBytes = maxBytes - Math.floor(maxBytes / 8);
  const entries = new Map<StoreKey, MemoryEntry>();
  /** The round of all entries, which goes on from one addition to the next. */
  let round = entries.values();
  /** Before that, nothing expires: a full table is not searched in vain for each key that finds no room. */
  let noneExpiresBeforeMs = 0;
  let bytes = 0;
  let serials = 0;

  function drop(entry: MemoryEntry): void {
    entries.delete(entry.key);
    bytes -= entry.record.length;
  }

  function sweep(nowMs: number): void {
    for (let count = 0; count < SWEEP_ITEMS; count++) {
      const { value } = round.next();
      if (value === undefined) round = entries.values();
      else if (value.expiresMs <= nowMs) drop(value);
    }
  }

  function sweepAll(nowMs: number): void {
    if (nowMs < noneExpiresBeforeMs) return;
    noneExpiresBeforeMs = Number.POSITIVE_INFINITY;
    for (const entry of entries.values()) {
      if (entry.expiresMs <= nowMs) drop(entry);
      else noneExpiresBeforeMs = Math.min(noneExpiresBeforeMs, entry.expiresMs);
    }
  }

  function add(request: AcquireRequest, nowMs: number): MemoryEntry {
    const expired = entries.get(request.key);
    if (expired !== undefined) drop(expired);
    sweep(nowMs);
    if (entries.size >= maxRecords || bytes >= addBytes) sweepAll(nowMs);
    if (entries.size >= maxRecords) throw full(`${maxRecords} records (maxRecords)`);
    if (bytes >= addBytes) throw full(`${bytes} bytes of answers, near maxBytes`);
    const entry = newEntry(request, ++serials, expired?.fence ?? 0, nowMs);
    entries.set(request.key, entry);
    expireAt(entry, entry.expiresMs);
    return entry;
  }

  function expireAt(entry: MemoryEntry, expiresMs: number): void {
    entry.expiresMs = expiresMs;
    noneExpiresBeforeMs = Math.min(noneExpiresBeforeMs, expiresMs);
  }

  function keep(entry: MemoryEntry, record: Uint8Array, nowMs: number): void {
    if (bytes + record.length > maxBytes) sweepAll(nowMs);
    if (bytes + record.length > maxBytes) throw full(`${bytes} bytes of answers, no room for ${record.length} more`);
    entry.record = new Uint8Array(record);
    bytes += record.length;
  }

  return {
    live(key, nowMs) {
      const entry = entries.get(key);
      return entry === undefined || entry.expiresMs <= nowMs ? undefined : entry;
    },
    add,
    keep,
    expireAt,
    drop,
    all: () => entries.values(),
    clear() {
      entries.clear();
      bytes = 0;
    },
  };
}

/** The fence of a run that begins now. */
export function nextFence(previous: number, nowMs: number): number {
  return Math.max(previous + 1, Math.floor(nowMs));
}

function newEntry(request: AcquireRequest, serial: number, lastFence: number, nowMs: number): MemoryEntry {
  const { key, token, fingerprint, leaseMs, retentionMs } = request;
  return {
    key,
    serial,
    state: "running",
    token,
    fingerprint,
    fence: nextFence(lastFence, nowMs),
    attempt: 1,
    leaseEndsMs: nowMs + leaseMs,
    record: EMPTY,
    expiresMs: nowMs + retentionMs,
  };
}

function full(holds: string): OnceoverError {
  return new OnceoverError("store-full", `the memory store is full: it holds ${holds}`);
}
