/**
 * The verbs against the table of one object. Each is one synchronous step, without an `await` from the look to the write: an
 * object goes on to its next call wherever one is awaited.
 */
import type { AcquireRequest, OwnerToken, StoreKey } from "@onceover/core";
import type { ObjectStorage } from "./object-state.js";
import { type HeldRecord, openRecordTable, type RecordTable } from "./record-table.js";
import type { AcquireReply, Full, JoinReply, ReadReply, UnknownsReply, Unreadable, WriteReply } from "./replies.js";
import { type Retention, retentionOf } from "./retention.js";
import {
  abandonStep,
  acquireStep,
  completeStep,
  foreignRun,
  isLive,
  renewStep,
  type WriteStep,
} from "./transitions.js";

/** What the verbs work on. */
export interface VerbParts {
  readonly storage: ObjectStorage;
  readonly table: RecordTable;
  readonly retention: Retention;
}

const UNREADABLE: Unreadable = { outcome: "unreadable" };
const FULL: Full = { outcome: "full" };

/** Opens what an object keeps. Throws what the platform throws where there is no SQL. */
export function openParts(storage: ObjectStorage): VerbParts {
  const table = openRecordTable(storage);
  return { storage, table, retention: retentionOf(storage, table) };
}

/** Acquires; after `notAfterMs` nothing is claimed. */
export function acquire(
  parts: VerbParts,
  request: AcquireRequest,
  notAfterMs: number | undefined,
  nowMs: number,
): AcquireReply["found"] {
  const seen = parts.table.find(request.key);
  if (seen === "unreadable") return UNREADABLE;
  const step = acquireStep(seen, request, nowMs);
  if (step.step === "refuse") return step.found;
  if (step.step === "replay") return replay(parts.table, request.key);
  if (notAfterMs !== undefined && nowMs > notAfterMs) return { outcome: "late" };
  const { fence, attempt } = step.held;
  return write(parts, request.key, step.held, nowMs) ?? { outcome: "acquired", fence, attempt };
}

/** Renews. */
export function renew(parts: VerbParts, key: StoreKey, token: OwnerToken, leaseMs: number, nowMs: number): WriteReply {
  return change(parts, key, nowMs, (held) => renewStep(held, token, leaseMs, nowMs));
}

/** Completes with an answer. */
export function complete(
  parts: VerbParts,
  key: StoreKey,
  token: OwnerToken,
  answer: Uint8Array,
  retentionMs: number,
  nowMs: number,
): WriteReply {
  return change(parts, key, nowMs, (held) => completeStep(held, token, retentionMs, nowMs), answer);
}

/** Abandons. */
export function abandon(parts: VerbParts, key: StoreKey, token: OwnerToken, nowMs: number): WriteReply {
  return change(parts, key, nowMs, (held) => abandonStep(held, token, nowMs));
}

/** Reads without claiming. */
export function read({ table }: VerbParts, key: StoreKey, nowMs: number): ReadReply {
  const seen = table.find(key);
  if (seen === "unreadable") return UNREADABLE;
  if (!isLive(seen, nowMs) || seen.state === "abandoned") return { outcome: "none" };
  return seen.state === "done" ? replay(table, key) : foreignRun(seen, nowMs);
}

/** One page of unknown outcomes after a key, in the order of keys. */
export function unknowns({ table }: VerbParts, after: string, most: number, nowMs: number): UnknownsReply {
  const items = table.unknowns(after, most, nowMs).map(({ key, held }) => {
    if (held === undefined || held === "unreadable") return undefined;
    const { fingerprint, fence, attempt, leaseEndsMs } = held;
    return { key, fingerprint, fence, attempt, sinceMs: nowMs - leaseEndsMs };
  });
  const readable = items.filter((item) => item !== undefined);
  return readable.length < items.length ? UNREADABLE : { outcome: "page", items: readable };
}

/** Keeps over how many objects records are spread, or says over how many others they are. */
export function join({ table }: VerbParts, shards: number, nowMs: number): JoinReply {
  const kept = table.setting("shards");
  if (kept === undefined) table.setSetting("shards", shards);
  return kept === undefined || kept === shards ? { outcome: "joined", nowMs } : { outcome: "apart", shards: kept };
}

function change(
  parts: VerbParts,
  key: StoreKey,
  nowMs: number,
  decide: (held: HeldRecord | undefined) => WriteStep,
  answer?: Uint8Array,
): WriteReply {
  const seen = parts.table.find(key);
  if (seen === "unreadable") return UNREADABLE;
  const step = decide(seen);
  const refused = step.held && write(parts, key, step.held, nowMs, answer);
  return refused ?? { outcome: step.answer };
}

/** Writes a record and what its retention needs: both or neither. */
function write(
  { storage, table, retention }: VerbParts,
  key: StoreKey,
  held: HeldRecord,
  nowMs: number,
  answer?: Uint8Array,
): Full | undefined {
  try {
    storage.transactionSync(() => {
      table.put(key, held, answer);
      retention.written(held.expiresMs, nowMs);
    });
    return undefined;
  } catch (error) {
    if (isNoRoom(error)) return FULL;
    throw error;
  }
}

/** SQLite's codes are only in its words: the object has 10 GB, and a row 2 MB. */
function isNoRoom(error: unknown): boolean {
  return error instanceof Error && /\bSQLITE_(?:FULL|TOOBIG)\b/.test(error.message);
}

function replay(table: RecordTable, key: StoreKey) {
  const record = table.answer(key);
  return record === undefined ? UNREADABLE : ({ outcome: "done", record } as const);
}
