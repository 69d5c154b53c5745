import type { LeaseLoss } from "./lease.js";
import type { WindowMismatch } from "./pinned.js";
import type { DrainProblemCode, PinProblemCode, ProblemCode } from "./problem.js";
import type { TombstoneReason } from "./record.js";
import { keyPart } from "./scope.js";
import type { Finding, Tier } from "./store.js";

/** The verbs of the store contract that events name. */
export type StoreVerb = "acquire" | "renew" | "complete" | "abandon" | "read" | "watch" | "verify";

/** Where a replayed answer came from: the store, this process's cache, or a run in this process that the retry waited for. */
export type ReplaySource = "store" | "cache" | "run";

/** Where a revision pin came from. */
export type PinSource = "override" | "header" | "query" | "cookie" | "deployment-id";

/** Why a revision pin did not hold. `duplicated`: it came twice. `revoked`: by a rollback. `too-old`: below the floor. */
export type PinDropped =
  | "malformed"
  | "unknown-key"
  | "forged"
  | "audience"
  | "expired"
  | "duplicated"
  | "revoked"
  | "too-old";

/** What happened, for logs, metrics and traces. Nothing in it comes from a client: `keyDigest` is a short digest. */
export type OnceoverEvent =
  /** The handler is about to run. `attempt` above 1 means that an earlier run was abandoned or taken over. */
  | { readonly type: "run"; readonly keyDigest: string; readonly attempt: number; readonly fence: number }
  /** The answer was recorded; with `tombstone` without its body. */
  | {
      readonly type: "recorded";
      readonly keyDigest: string;
      readonly status: number;
      readonly recordBytes: number;
      readonly runMs: number;
      readonly tombstone?: TombstoneReason;
    }
  /** A recorded answer was given again, or a tombstone reported. */
  | { readonly type: "replayed"; readonly keyDigest: string; readonly status: number; readonly from: ReplaySource }
  /** The request was refused. `keyDigest` is absent where it was refused before its key was known. */
  | {
      readonly type: "refused";
      readonly code: ProblemCode | PinProblemCode | DrainProblemCode;
      readonly keyDigest?: string;
    }
  /** The key was freed: by `once.abandon()`, or because a `repeatable` run failed. */
  | { readonly type: "abandoned"; readonly keyDigest: string; readonly by: "handler" | "failure" }
  /** The right to run ended while the handler was running; `once.signal` was aborted. */
  | { readonly type: "lease-lost"; readonly keyDigest: string; readonly reason: LeaseLoss }
  /** The answer went out, or the client was gone, and the store had not taken the record; it is tried again. */
  | { readonly type: "record-late"; readonly keyDigest: string }
  /** The record was never stored: another run owns the key, its retention ended, or the store stayed away too long. */
  | { readonly type: "record-lost"; readonly keyDigest: string; readonly reason: "stale" | "unreachable" }
  /** The handler of a keyed request threw, where no framework takes care of it. */
  | { readonly type: "handler-failed"; readonly keyDigest: string; readonly error: unknown }
  /** A run ended without an answer to record; the key becomes unknown when its lease ends. */
  | { readonly type: "answer-lost"; readonly keyDigest: string }
  /** A retry met an unknown outcome; `settled` says what `recover` made of it. */
  | {
      readonly type: "unknown";
      readonly keyDigest: string;
      readonly attempt: number;
      readonly settled: "done" | "rerun" | "unknown";
      readonly error?: unknown;
    }
  /** The handler ran without a record because the store was down and the route said `onStoreDown: "run"`. */
  | { readonly type: "ran-unrecorded"; readonly keyDigest: string }
  /** A call to the store failed or timed out. */
  | { readonly type: "store-failed"; readonly verb: StoreVerb; readonly error: unknown; readonly keyDigest?: string }
  /** A request was sent to the revision that matches it. */
  | { readonly type: "routed"; readonly revision: string; readonly how: "forward" | "redirect" | "misdirect" }
  /** A request that was forwarded was not answered there; `error` says why, where anybody knows. */
  | {
      readonly type: "forward-failed";
      readonly revision: string;
      readonly code: PinProblemCode;
      readonly error: unknown;
    }
  /** A revision pin did not hold, and was taken for none. */
  | { readonly type: "pin-dropped"; readonly why: PinDropped; readonly from: PinSource }
  /** It could not be read what the backend has, or what the registry has. */
  | { readonly type: "read-failed"; readonly what: "pins" | "registry"; readonly error: unknown }
  /** The instance could not be announced; it is tried again. */
  | { readonly type: "announce-failed"; readonly error: unknown }
  /** A live revision writes what another one does not accept. */
  | ({ readonly type: "window-broken" } & WindowMismatch)
  /** The store's configuration was examined. */
  | { readonly type: "verified"; readonly tier: Tier; readonly findings: readonly Finding[] };

/** Receives events. It is called on the hot path; what it throws is ignored. */
export type OnEvent = (event: OnceoverEvent) => void;

/** The part of a store key that events may show: enough to tell two keys apart, too little to find one. */
export function keyDigest(storeKey: string): string {
  return keyPart(storeKey).slice(0, 10);
}
