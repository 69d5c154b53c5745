import type { RunRecord } from "./record.js";
import { decodeRecord } from "./record.js";
import type { Acquired, Begun, Fingerprint, Transaction, UnknownRecord } from "./store.js";

/** What one arrival of a key becomes. */
export type Decision =
  | {
      readonly action: "run";
      readonly fence: number;
      readonly attempt: number;
      readonly transaction?: Transaction | undefined;
    }
  | { readonly action: "replay"; readonly record: RunRecord }
  | { readonly action: "wait"; readonly leaseLeftMs: number }
  | { readonly action: "recover"; readonly unknown: UnknownRecord }
  | { readonly action: "refuse"; readonly code: "key-reused" | "record-unreadable" };

/** Decides what one arrival of a key becomes. Pure. A different payload is refused before anything else is said about the key. */
export function decide(found: Acquired | Begun, fingerprint: Fingerprint): Decision {
  switch (found.outcome) {
    case "acquired":
      return { ...found, action: "run" };
    case "running":
      return found.fingerprint === fingerprint ? { action: "wait", leaseLeftMs: found.leaseLeftMs } : REUSED;
    case "unknown":
      return found.fingerprint === fingerprint ? { action: "recover", unknown: found } : REUSED;
    case "done":
      return decideDone(found.record, fingerprint);
    // no default
  }
}

const REUSED = { action: "refuse", code: "key-reused" } as const;

function decideDone(bytes: Uint8Array, fingerprint: Fingerprint): Decision {
  const decoded = decodeRecord(bytes);
  if (decoded.outcome === "unreadable") return { action: "refuse", code: "record-unreadable" };
  return decoded.record.fingerprint === fingerprint ? { action: "replay", record: decoded.record } : REUSED;
}

/** What becomes of the key once the handler has ended. */
export type Ending = "complete" | "abandon";

/** Decides whether an answer is recorded. Pure. Only a run that can be repeated frees its key by failing. */
export function decideEnding(status: number, effects: "once" | "repeatable"): Ending {
  return effects === "repeatable" && status >= 500 ? "abandon" : "complete";
}

/** How long an arrival waits for the answer of another run, in milliseconds. */
export const LONGEST_WAIT_MS = 10_000;

/** First and longest pause between two looks at a run in another process. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 250;

/** Decides how long to pause before look number `looks` (from 0). Pure: doubles up to a quarter of a second, never beyond `leftMs`. */
export function pauseMs(looks: number, leftMs: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(looks, 10), LONGEST_PAUSE_MS, leftMs);
}

/** The whole seconds of a `Retry-After`: never 0, which clients take for "at once". */
export function retryAfterSeconds(leftMs: number): number {
  return Math.max(1, Math.ceil(leftMs / 1000));
}
