import type { Fingerprint, OwnerToken, ScopeDigest, StoreKey } from "@onceover/core";
import type { ObjectSql, ObjectStorage, SqlRow } from "./object-state.js";

/** One record, its answer apart. */
export interface HeldRecord {
  readonly state: "running" | "done" | "abandoned";
  readonly token: OwnerToken;
  readonly fingerprint: Fingerprint;
  readonly fence: number;
  readonly attempt: number;
  readonly leaseEndsMs: number;
  readonly expiresMs: number;
}

/** What a row holds; `unreadable` is a row of another version, whatever it means. */
export type Seen = HeldRecord | "unreadable" | undefined;

/** The records of one object, each in one row. Every call is synchronous: nothing comes between a look and a write. */
export interface RecordTable {
  find(key: StoreKey): Seen;
  /** A copy of the answer of a done record. */
  answer(key: StoreKey): Uint8Array | undefined;
  /** Writes a record, whatever was there; a done one has an answer. */
  put(key: StoreKey, held: HeldRecord, answer?: Uint8Array): void;
  /** Deletes a record that is live or unreadable, and says whether there was one. */
  remove(key: StoreKey, nowMs: number): boolean;
  /** Deletes up to `most` records of a scope and answers how many there were. */
  removeScope(scope: ScopeDigest, most: number): number;
  /** Deletes up to `most` expired records and answers how many there were. */
  removeExpired(nowMs: number, most: number): number;
  /** When the next record expires; nothing where there is none. */
  earliestExpiryMs(): number | undefined;
  /** Up to `most` unknown records after a key, in the order of their keys. */
  unknowns(after: string, most: number, nowMs: number): readonly { readonly key: StoreKey; readonly held: Seen }[];
  /** A number that the object keeps for itself. */
  setting(name: Setting): number | undefined;
  setSetting(name: Setting, value: number | null): void;
}

/** `shards`: over how many objects records are spread; kept by the first of them. `alarm_ms`: when the alarm was last set to ring. */
export type Setting = "shards" | "alarm_ms";

/** The version of a row's meaning that this code reads and writes. */
export const ROW_VERSION = 1;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS records (
  key TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  token TEXT NOT NULL,
  fence INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  lease_ends_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  answer BLOB
);
CREATE INDEX IF NOT EXISTS records_expires ON records (expires_ms);
CREATE INDEX IF NOT EXISTS records_running ON records (key) WHERE state = 'running';
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
`;

const FIELDS = "version, state, token, fence, attempt, fingerprint, lease_ends_ms, expires_ms";

/** Opens the table, making it where there is none. Throws what the platform throws where there is no SQL. */
export function openRecordTable({ sql }: ObjectStorage): RecordTable {
  sql.exec(SCHEMA);
  return {
    find: (key) => seenOf(sql.exec(`SELECT ${FIELDS} FROM records WHERE key = ?`, key).toArray()[0]),
    answer: (key) => answerOf(sql.exec("SELECT answer FROM records WHERE key = ?", key).toArray()[0]),
    put: (key, held, answer) => putRow(sql, key, held, answer),
    remove: (key, nowMs) =>
      sql
        .exec(
          `DELETE FROM records WHERE key = ? AND (version <> ${ROW_VERSION} OR expires_ms > ?) RETURNING 1`,
          key,
          nowMs,
        )
        .toArray().length > 0,
    removeScope: (scope, most) => removeWhere(sql, "key >= ? AND key < ? || '~'", [scope, scope], most),
    removeExpired: (nowMs, most) => removeWhere(sql, `version = ${ROW_VERSION} AND expires_ms <= ?`, [nowMs], most),
    earliestExpiryMs: () => numberOrNone(sql.exec(EARLIEST).toArray()[0]),
    unknowns: (after, most, nowMs) =>
      sql
        .exec(UNKNOWNS, after, nowMs, nowMs, most)
        .toArray()
        .map((row) => ({ key: String(row.key) as StoreKey, held: seenOf(row) })),
    setting: (name) => numberOrNone(sql.exec("SELECT value FROM settings WHERE name = ?", name).toArray()[0]),
    setSetting: (name, value) => void sql.exec("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, value),
  };
}

/** Rows of another version are among them: whoever lists must not take them for none. */
const UNKNOWNS = `SELECT key, ${FIELDS} FROM records
  WHERE state = 'running' AND key > ?
    AND (version <> ${ROW_VERSION} OR (lease_ends_ms <= ? AND expires_ms > ?))
  ORDER BY key LIMIT ?`;

/** Rows of another version are left alone, and must not wake the object for ever. */
const EARLIEST = `SELECT expires_ms AS value FROM records WHERE version = ${ROW_VERSION} ORDER BY expires_ms LIMIT 1`;

function putRow(sql: ObjectSql, key: StoreKey, held: HeldRecord, answer: Uint8Array | null = null): void {
  const { state, token, fence, attempt, fingerprint, leaseEndsMs, expiresMs } = held;
  sql.exec(
    `INSERT OR REPLACE INTO records (key, ${FIELDS}, answer) VALUES (?, ${ROW_VERSION}, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[key, state, token, fence, attempt, fingerprint, leaseEndsMs, expiresMs, answer],
  );
}

/** Keys of one scope are a range, since no character of a key comes after `~`. */
function removeWhere(sql: ObjectSql, which: string, bindings: readonly (string | number)[], most: number): number {
  const some = `SELECT rowid FROM records WHERE ${which} LIMIT ?`;
  return sql.exec(`DELETE FROM records WHERE rowid IN (${some}) RETURNING 1`, ...bindings, most).toArray().length;
}

function seenOf(row: SqlRow | undefined): Seen {
  if (row === undefined) return undefined;
  const { version, state } = row;
  const isKnown = state === "running" || state === "done" || state === "abandoned";
  if (version !== ROW_VERSION || !isKnown) return "unreadable";
  return {
    state,
    token: String(row.token) as OwnerToken,
    fingerprint: String(row.fingerprint) as Fingerprint,
    fence: Number(row.fence),
    attempt: Number(row.attempt),
    leaseEndsMs: Number(row.lease_ends_ms),
    expiresMs: Number(row.expires_ms),
  };
}

function answerOf(row: SqlRow | undefined): Uint8Array | undefined {
  return row?.answer instanceof ArrayBuffer ? new Uint8Array(row.answer) : undefined;
}

function numberOrNone(row: SqlRow | undefined): number | undefined {
  return typeof row?.value === "number" ? row.value : undefined;
}
