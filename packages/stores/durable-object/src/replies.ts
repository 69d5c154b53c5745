/**
 * What an object answers: plain data that survives being copied to another machine. What is expected is an answer and never
 * an exception, since an error that crosses over loses its class.
 */
import type { DoneRecord, OwnedRecord, RunningRecord, StoreKey, UnknownRecord, Written } from "@onceover/core";
import type { RegistryEntry } from "@onceover/core/revisions";

/** A run of somebody else's, by its lease. */
export type ForeignRun = RunningRecord | UnknownRecord;

/** The record is of a version that this code cannot read. Nothing was written. */
export interface Unreadable {
  readonly outcome: "unreadable";
}

/** There is no room, or the record is too large for a row. Nothing was written. */
export interface Full {
  readonly outcome: "full";
}

/** Nothing was claimed, because by the object's clock nobody waits for the answer any more. */
export interface Late {
  readonly outcome: "late";
}

/** What an acquire is answered, and when, by the object's clock. */
export interface AcquireReply {
  readonly found: OwnedRecord | ForeignRun | DoneRecord | Late | Unreadable | Full;
  readonly nowMs: number;
}

/** What a read is answered. */
export type ReadReply = { readonly outcome: "none" } | ForeignRun | DoneRecord | Unreadable;

/** What renew, complete and abandon are answered. */
export type WriteReply = { readonly outcome: Written } | Unreadable | Full;

/** One object's share of a page of unknown outcomes. */
export type UnknownsReply = { readonly outcome: "page"; readonly items: readonly UnknownItem[] } | Unreadable;

/** One unknown outcome of a page. */
export type UnknownItem = Omit<UnknownRecord, "outcome"> & { readonly key: StoreKey };

/**
 * What a store is answered before its first verb. `joined`: records are spread over as many objects as it says; `apart`: over
 * `shards`, so that it would not find them. `no-sql`: the class has no SQLite storage.
 */
export type JoinReply =
  | { readonly outcome: "joined"; readonly nowMs: number }
  | { readonly outcome: "apart"; readonly shards: number }
  | { readonly outcome: "no-sql" };

/** What a write or a count of an announcement is answered: the text that is there now. */
export type RevisionReply = { readonly outcome: "put"; readonly text: string } | Unreadable;

/** All announcements of a service. */
export type RevisionsReply = { readonly outcome: "list"; readonly entries: readonly RegistryEntry[] } | Unreadable;
