import {
  type Acquired,
  type Fingerprint,
  type ForgottenPage,
  type Found,
  OnceoverError,
  type StoreKey,
  type UnknownPage,
  type Written,
} from "@onceover/core";
import { onReplica, unreadable } from "./errors.js";
import type { Row } from "./send.js";

/** What an acquire was answered: what was found, or that nobody was thought to wait for it any more. */
export type AcquireReply = { readonly outcome: "found"; readonly found: Acquired } | { readonly outcome: "late" };

/** Reads the answer of an acquire. */
export function decodeAcquire(row: Row | undefined): AcquireReply {
  if (row?.outcome === "late") return { outcome: "late" };
  if (row?.outcome !== "acquired") return { outcome: "found", found: describe(row) };
  const found = { outcome: "acquired", fence: Number(row.fence), attempt: Number(row.attempt) } as const;
  return { outcome: "found", found };
}

/** Reads the answer of a read. */
export function decodeFound(row: Row | undefined): Found {
  return row?.outcome === "none" ? { outcome: "none" } : describe(row);
}

/** Reads the answer of a write: whether it was this token's to write. */
export function decodeWritten(row: Row | undefined): Written {
  if (row?.written === "true") return "ok";
  if (row?.unreadable === "true") throw unreadable();
  if (row?.written === "false") return "stale";
  throw unexpected();
}

/** Reads how much of a scope was deleted; `full` is how many records a batch has that may not be the last. */
export function decodeForgotten(row: Row | undefined, full: number): ForgottenPage {
  const forgotten = Number(row?.forgotten ?? Number.NaN);
  if (!Number.isSafeInteger(forgotten)) throw unexpected();
  return forgotten < full || !row?.last ? { forgotten } : { forgotten, cursor: row.last };
}

/** Reads one page of unknown outcomes; `full` is how many rows a page has that is not the last. */
export function decodePage(rows: readonly Row[], full: number): UnknownPage {
  if (rows[0]?.outcome === "none") return { items: [] };
  const items = rows.map((row) => {
    const found = describe(row);
    if (found.outcome !== "unknown" || !row.key) throw unexpected();
    const { outcome: _, ...rest } = found;
    return { key: row.key as StoreKey, ...rest };
  });
  const last = items.at(-1);
  return items.length < full || last === undefined ? { items } : { items, cursor: last.key };
}

function describe(row: Row | undefined): Exclude<Acquired, { readonly outcome: "acquired" }> {
  const leftMs = Number(row?.lease_left_ms);
  const fingerprint = row?.fingerprint as Fingerprint;
  switch (row?.outcome) {
    case "running":
      return { outcome: "running", fingerprint, leaseLeftMs: Math.ceil(leftMs) };
    case "unknown":
      return {
        outcome: "unknown",
        fingerprint,
        fence: Number(row.fence),
        attempt: Number(row.attempt),
        sinceMs: Math.floor(Math.abs(leftMs)),
      };
    case "done":
      return { outcome: "done", record: new Uint8Array(Buffer.from(row.record ?? "", "base64")) };
    case "unreadable":
      throw unreadable();
    case "replica":
      throw onReplica();
    default:
      throw unexpected();
  }
}

function unexpected(): OnceoverError {
  return new OnceoverError("store-unavailable", "Postgres answered with something that no statement of ours answers");
}
