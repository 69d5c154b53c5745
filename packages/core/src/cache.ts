import { type Answer, replayAnswer } from "./answer.js";
import type { RunRecord } from "./record.js";
import type { ScopeDigest, StoreKey } from "./store.js";

/** A done record at hand, with the answer it is replayed by. */
export interface CachedRecord {
  readonly record: RunRecord;
  /** `undefined` for a tombstone. */
  readonly replay: Answer | undefined;
  readonly untilMs: number;
}

/**
 * Done records that this process has replayed, so that a further retry costs no round trip. What nobody asked for again is not
 * kept: most records are never replayed, and in memory until they are evicted they would cost each run a fifth of its time, in
 * garbage collection.
 */
export interface RecordCache {
  get(key: StoreKey, nowMs: number): CachedRecord | undefined;
  set(key: StoreKey, record: RunRecord, nowMs: number, retentionMs: number): CachedRecord;
  delete(key: StoreKey): void;
  deleteScope(scope: ScopeDigest): void;
}

const MAX_RECORDS = 1000;
/** A longer answer is read from the store each time, so that the cache stays within 16 MiB. */
const MAX_CACHED_BYTES = 16_384;
/** How long a record that another process deleted may still be replayed here. */
const LONGEST_MS = 60_000;

/** An empty cache of at most a thousand records. */
export function createRecordCache(): RecordCache {
  /** In the order in which they were last asked for: a Map keeps the order of insertion. */
  const records = new Map<StoreKey, CachedRecord>();
  /** Goes on where it was: to begin anew would step over every key that was deleted since the table was last rebuilt. */
  const inOrder = records.keys();

  function put(key: StoreKey, cached: CachedRecord): CachedRecord {
    records.delete(key);
    records.set(key, cached);
    return cached;
  }

  return {
    get(key, nowMs) {
      const cached = records.get(key);
      if (cached === undefined || nowMs < cached.untilMs) return cached && put(key, cached);
      records.delete(key);
      return undefined;
    },
    set(key, record, nowMs, retentionMs) {
      const replay = record.kind === "answer" ? replayAnswer(record) : undefined;
      const cached = { record, replay, untilMs: nowMs + Math.min(retentionMs, LONGEST_MS) };
      if (answerBytes(record) > MAX_CACHED_BYTES) return cached;
      const oldest = records.size < MAX_RECORDS ? undefined : inOrder.next().value;
      if (oldest !== undefined) records.delete(oldest);
      return put(key, cached);
    },
    delete: (key) => void records.delete(key),
    deleteScope(scope) {
      for (const key of records.keys()) if (key.startsWith(scope)) records.delete(key);
    },
  };
}

function answerBytes(record: RunRecord): number {
  if (record.kind !== "answer") return 0;
  const headerBytes = record.headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return record.chunks.reduce((sum, chunk) => sum + chunk.length, headerBytes);
}
