/**
 * The announcements of one service, all in one object, each in one row. Every call is synchronous: nothing comes between a
 * look and a write. Times are the object's; a clock that was set back makes no age negative.
 */
import type { RegistryEntry } from "@onceover/core/revisions";
import type { ObjectSql, ObjectStorage } from "./object-state.js";

/** The texts of one service. */
export interface RevisionTable {
  /** Puts what `next` makes of the text that is kept in its place, and answers it; `unreadable` where it is of another version. */
  put(id: string, keepMs: number, nowMs: number, next: (before: string | undefined) => string): string | "unreadable";
  list(nowMs: number): readonly RegistryEntry[] | "unreadable";
  /** Removes a text, one of another version too: that is the way out of it. */
  remove(id: string, nowMs: number): "ok" | "none";
}

/** The version of a row's meaning that this code reads and writes. */
const ROW_VERSION = 1;
/** A number that can be counted on from: what every double can hold, and 1 more. */
const NUMBER = /^\d{1,15}$/;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS revisions (
  id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  text TEXT NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
`;

/** Opens the table, making it where there is none. Throws what the platform throws where there is no SQL. */
export function openRevisionTable({ sql }: ObjectStorage): RevisionTable {
  sql.exec(SCHEMA);
  return {
    put(id, keepMs, nowMs, next) {
      // With the writing of one text those go that are kept no longer: no alarm has to wake the object for a few rows.
      sql.exec(`DELETE FROM revisions WHERE version = ${ROW_VERSION} AND expires_ms <= ?`, nowMs);
      const [row] = sql.exec("SELECT version, text, first_ms FROM revisions WHERE id = ?", id).toArray();
      if (row !== undefined && row.version !== ROW_VERSION) return "unreadable";
      const text = next(row === undefined ? undefined : String(row.text));
      const firstMs = row === undefined ? nowMs : Math.min(Number(row.first_ms), nowMs);
      const values = [id, text, firstMs, nowMs, nowMs + keepMs];
      sql.exec(`INSERT OR REPLACE INTO revisions VALUES (?, ${ROW_VERSION}, ?, ?, ?, ?)`, ...values);
      return text;
    },
    list: (nowMs) => listed(sql, nowMs),
    remove: (id, nowMs) =>
      sql
        .exec(
          `DELETE FROM revisions WHERE id = ? AND (version <> ${ROW_VERSION} OR expires_ms > ?) RETURNING 1`,
          id,
          nowMs,
        )
        .toArray().length > 0
        ? "ok"
        : "none",
  };
}

/** The text after the one that counts: 1 more, or 1. */
export function oneMore(text = "0"): string {
  return NUMBER.test(text) ? String(Number(text) + 1) : "1";
}

function listed(sql: ObjectSql, nowMs: number): readonly RegistryEntry[] | "unreadable" {
  const rows = sql.exec(`SELECT * FROM revisions WHERE version <> ${ROW_VERSION} OR expires_ms > ?`, nowMs).toArray();
  if (rows.some(({ version }) => version !== ROW_VERSION)) return "unreadable";
  return rows.map(({ id, text, first_ms, last_ms }) => {
    const ageMs = Math.max(0, nowMs - Number(last_ms));
    return { id: String(id), text: String(text), ageMs, sinceMs: Math.max(ageMs, nowMs - Number(first_ms)) };
  });
}
