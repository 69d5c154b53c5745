/**
 * The store contract: verbs of the protocol, not get and set.
 *
 * One record per key. Each verb is one atomic step, one round trip and at most one write; every write proves
 * its ownership with the owner token. A record is `running` (with a lease), `done` (with the bytes of the answer)
 * or, once a running record's lease has ended with nobody completing it, `unknown`. Time is the store's own clock.
 *
 * A call that rejects, for whatever reason, is *indeterminate*: it may or may not have taken effect. It never
 * means "no". Every store bounds every call by a deadline of its own, so that none is pending for ever.
 */

declare const brand: unique symbol;

/**
 * Digest of service, scope and idempotency key: 43 characters of base64url, of which the first 16 are the `ScopeDigest`.
 * No byte of a client reaches a store.
 */
export type StoreKey = string & { readonly [brand]: "StoreKey" };

/** Digest of service and scope: what the store keys of one scope begin with. 16 characters of base64url. */
export type ScopeDigest = string & { readonly [brand]: "ScopeDigest" };

/** Names one run. Made by the caller before the acquire, so that a resent acquire is recognised as the same one. At most 64 characters of `[0-9A-Za-z-]`. */
export type OwnerToken = string & { readonly [brand]: "OwnerToken" };

/** Digest of the request a key stands for, with the id of its algorithm in front. At most 128 printable ASCII characters, without space or `|`. */
export type Fingerprint = string & { readonly [brand]: "Fingerprint" };

/** What `acquire` is given. */
export interface AcquireRequest {
  readonly key: StoreKey;
  readonly token: OwnerToken;
  readonly fingerprint: Fingerprint;
  /** How long the right to run lasts unless it is renewed, in milliseconds. */
  readonly leaseMs: number;
  /** How long the record stays, counted from this call, in milliseconds. */
  readonly retentionMs: number;
  /**
   * Whether an unknown record with the same fingerprint is acquired: `true` takes over whatever unknown record
   * is found; a number takes over only the one whose `fence` it is (compare-and-set), so that a decision made
   * about one run is never applied to a later one.
   * @default not taken over
   */
  readonly takeOver?: true | number;
}

/** The caller owns the run. */
export interface OwnedRecord {
  readonly outcome: "acquired";
  /** Grows with each acquire of this key: `max(previous + 1, the store's clock in epoch milliseconds)`. A safe integer. */
  readonly fence: number;
  /** 1 for the key's first run, one more for each later one. */
  readonly attempt: number;
}

/** Somebody else owns the run and their lease has not ended. */
export interface RunningRecord {
  readonly outcome: "running";
  readonly fingerprint: Fingerprint;
  readonly leaseLeftMs: number;
}

/** The run is over and its answer is recorded. */
export interface DoneRecord {
  readonly outcome: "done";
  readonly record: Uint8Array;
}

/** A run began, its lease ended, and nobody completed or abandoned it. */
export interface UnknownRecord {
  readonly outcome: "unknown";
  readonly fingerprint: Fingerprint;
  readonly fence: number;
  readonly attempt: number;
  /** How long ago the lease ended, in milliseconds. */
  readonly sinceMs: number;
}

/** What `acquire` found. */
export type Acquired = OwnedRecord | RunningRecord | DoneRecord | UnknownRecord;

/**
 * A run whose effects and record are one transaction of the store: both are there in the end, or neither. Its verbs are
 * those of `Store`, for its own key and token alone; after `complete` or `abandon` it is over.
 */
export interface Transaction {
  /** What the handler writes its effects through: the store's own kind of client. Of no use once the transaction is over. */
  readonly client: unknown;
  /** Keeps the transaction alive for another lease. `stale` where it is over. */
  renew(): Promise<Written>;
  /**
   * Writes the record and commits. `ok`: effects and record are there. Rejects with `rolled-back` where it is certain that
   * neither is, nor will be, and with `store-unavailable` where that could not be found out in time.
   */
  complete(record: Uint8Array, retentionMs: number): Promise<"ok">;
  /** Rolls back: the key is free at once, as if it had never been acquired. Never rejects; a lost connection rolls back too. */
  abandon(): Promise<void>;
}

/** What `begin` found. */
export type Begun = (OwnedRecord & { readonly transaction: Transaction }) | Exclude<Acquired, OwnedRecord>;

/** What `read` found. `none`: no record, or one that was abandoned. */
export type Found = { readonly outcome: "none" } | RunningRecord | DoneRecord | UnknownRecord;

/** `stale`: the record is not, or no longer, this token's; nothing was written. */
export type Written = "ok" | "stale";

/** One page of unknown outcomes. */
export interface UnknownPage {
  readonly items: readonly (Omit<UnknownRecord, "outcome"> & { readonly key: StoreKey })[];
  /** Give it to the next call; absent on the last page. */
  readonly cursor?: string;
}

/** How far the deletion of a scope has come. */
export interface ForgottenPage {
  /** How many records this call deleted, abandoned and expired ones included or not. */
  readonly forgotten: number;
  /** Give it to the next call; absent where nothing is left to do. */
  readonly cursor?: string;
}

/** The tiers of promise, weakest first; docs/guarantees.md says what each one holds. */
export type Tier = "T0" | "T1" | "T2" | "T3" | "T4";

/** One way in which a store's configuration breaks its promise. */
export interface Finding {
  /** The setting as the store's documentation spells it, such as `maxmemory-policy`. */
  readonly setting: string;
  /** What was found, and why that breaks the promise. */
  readonly problem: string;
  /** What to do about it. */
  readonly mend: string;
}

/** What `verify` found. An empty list of findings means that the promise of `tier` holds. */
export interface Verified {
  readonly tier: Tier;
  readonly findings: readonly Finding[];
}

/** A place that keeps idempotency records. Prove an implementation with `describeStore` of `@onceover/conformance`. */
export interface Store {
  /** Shown in events and errors, such as `redis`. */
  readonly name: string;
  /**
   * Claims the key. A free key, or an abandoned or expired record, becomes running and owned by `token`. A record that
   * `token` owns already and that nobody completed, abandoned or took over answers `acquired` again, with the same fence
   * and attempt and a fresh lease, even where the lease had ended. Rejects with `store-full` where there is no room.
   */
  acquire(request: AcquireRequest): Promise<Acquired>;
  /**
   * Claims the key as `acquire` does, inside a transaction that stays open for the run: the record is seen by nobody until
   * it commits. Whoever acquires or begins the same key meanwhile waits for its end: here for up to `waitMs`, but always
   * less than the store's own deadline, and is then told `running`. The store ends a transaction that has been idle for
   * `leaseMs`. A `begin` that rejects has claimed nothing and leaves nothing. A store without transactions leaves it out.
   */
  begin?(request: AcquireRequest, waitMs: number): Promise<Begun>;
  /** Makes the lease of a running record end `leaseMs` from now, also when it had ended already but nobody took over. Retention stays. */
  renew(key: StoreKey, token: OwnerToken, leaseMs: number): Promise<Written>;
  /**
   * Turns the running record of `token` into a done one that stays `retentionMs` from now. Again with the same token: `ok`,
   * and the first record stands. After the retention ended: `stale`, nothing is written. Rejects with `store-full` where
   * the record does not fit: it stays running. The bytes are handed over: the caller changes them no more. They may be a view of
   * larger memory, of which nothing else is to be kept.
   */
  complete(key: StoreKey, token: OwnerToken, record: Uint8Array, retentionMs: number): Promise<Written>;
  /** Frees the key: the next acquire runs, with a higher fence. Again with the same token: `ok`, while nobody acquired it since. A done record is never freed. */
  abandon(key: StoreKey, token: OwnerToken): Promise<Written>;
  /** Looks without claiming. Always as fresh as a write: never from a replica. */
  read(key: StoreKey): Promise<Found>;
  /**
   * Deletes the record, whoever owns it: the key is as if it had never been seen, and only the clock makes its next fence
   * higher. Whether an abandoned record counts as one is the store's affair.
   */
  forget(key: StoreKey): Promise<"ok" | "none">;
  /**
   * Deletes the records whose keys begin with `scope`, some at a time, as `forget` does: go on with the cursor until there
   * is none. A record that is there from the first call to the last is deleted, one that is acquired meanwhile may stay.
   */
  forgetScope(scope: ScopeDigest, cursor?: string): Promise<ForgottenPage>;
  /** Lists records whose outcome is unknown, a page at a time; no order is promised, and a record that stays unknown during the listing appears at least once. */
  unknowns(cursor?: string): Promise<UnknownPage>;
  /**
   * Calls `changed` when the record of a key may have changed: soon after it was completed, abandoned or forgotten by
   * whomever, as far as the store hears of it. It may be called for nothing, and whoever waits looks now and then by
   * itself, because a word may be lost. Resolves, once no later change can be missed in calm weather, with the function
   * that ends it. A store that has no way to tell leaves it out.
   */
  watch?(key: StoreKey, changed: () => void): Promise<() => void>;
  /** Finds the tier in force and every setting that breaks its promise. Rejects only where the store cannot be reached. */
  verify(): Promise<Verified>;
  /** Ends what the store itself started. A client that was handed in stays open. */
  close(): Promise<void>;
}
