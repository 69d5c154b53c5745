import type {
  AcquireRequest,
  Fingerprint,
  Found,
  OwnerToken,
  ScopeDigest,
  Store,
  StoreKey,
  Tier,
} from "@onceover/core";
import { expect } from "vitest";

/** A store that was opened for one case. Its functions are called detached: closures, not methods that need `this`. */
export interface StoreHarness {
  readonly store: Store;
  /** Opens another client or handle on the same records, as another process would have. Called at most once per case. */
  second(): Promise<Store>;
  /** Closes everything that `open`, `second` and `reopen` opened. Called once, at the end of the case. */
  close(): Promise<void>;
  /**
   * Moves the store's clock forward, for every handle, in milliseconds.
   * @default absent: the suite waits in real time, with leases of some 50 ms
   */
  advance?(ms: number): Promise<void> | void;
  /** Closes every handle, restarts what keeps the records and opens it again. Required where `durable` is true. */
  reopen?(): Promise<Store>;
  /** What a handler would do with the client of a transaction. Required where `transactions` is true. */
  readonly effects?: TransactionEffects;
}

/** Effects that can be counted. */
export interface TransactionEffects {
  /** Writes one effect through the client of a transaction; rejects where the client is of no use any more. */
  write(client: unknown, name: string): Promise<void>;
  /** How many effects of a name are there, for everybody to see. */
  count(name: string): Promise<number>;
}

/** What the store claims of itself. */
export interface StoreCapabilities {
  /** The tier that `verify()` finds in the store as `open` configures it. */
  readonly tier: Tier;
  /** Whether records survive `reopen()`. */
  readonly durable: boolean;
  /** Whether the store tells of changes by `watch`. @default false */
  readonly watches?: boolean;
  /** Whether the store has transactions, by `begin`. @default false */
  readonly transactions?: boolean;
  /**
   * The largest record the store takes, in bytes; a service behind a size limit of its own has less to offer.
   * @default 1_048_576
   */
  readonly maxRecordBytes?: number;
}

/** What `describeStore` is given. */
export interface StoreSuite {
  /** Opens a store of its own for one case; server and tables may be shared, since every case makes fresh keys. */
  open(): Promise<StoreHarness>;
  /**
   * Opens a store that has room for at least two but not for 4,096 records of 4 KiB, to see what it does when it is full.
   * @default absent: the store has no bound of its own
   */
  openSmall?(): Promise<StoreHarness>;
  readonly capabilities: StoreCapabilities;
}

/** One rule of the contract, and the steps that show whether a store holds it. */
export interface StoreCase {
  readonly rule: string;
  /** Left out where the suite cannot offer it. */
  readonly needs?: "reopen" | "small" | "watch" | "begin";
  /** Rejects where the store breaks the rule. The caller closes the harness. */
  run(harness: StoreHarness, capabilities: StoreCapabilities): Promise<void>;
}

/** A run that `begin` started. */
export interface Run {
  readonly key: StoreKey;
  readonly token: OwnerToken;
  readonly fence: number;
  readonly attempt: number;
}

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;
/** A lease or retention that a case means to outlive: short, because some stores have only the real clock. */
export const SHORT_MS = 50;
export const PRINT = "t1:one-request" as Fingerprint;
export const OTHER_PRINT = "t1:another-request" as Fingerprint;

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const REAL_CAP_MS = 20_000;

/** A fresh key of the form that core makes, of a scope of its own unless one is given. */
export function newKey(scope: ScopeDigest = newScope()): StoreKey {
  return `${scope}${randomText(43 - scope.length)}` as StoreKey;
}

/** What the keys of a fresh scope begin with. */
export function newScope(): ScopeDigest {
  return randomText(16) as ScopeDigest;
}

function randomText(chars: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(chars));
  return Array.from(bytes, (byte) => BASE64URL[byte & 63]).join("");
}

/** A fresh owner token. */
export function newToken(): OwnerToken {
  return crypto.randomUUID() as OwnerToken;
}

/** An acquire with a long lease and retention, unless told otherwise. */
export function asking(key: StoreKey, token: OwnerToken, over: Partial<AcquireRequest> = {}): AcquireRequest {
  return { key, token, fingerprint: PRINT, leaseMs: MINUTE_MS, retentionMs: DAY_MS, ...over };
}

/** Acquires a key that must be free. */
export async function begin(store: Store, over: Partial<AcquireRequest> = {}): Promise<Run> {
  const key = over.key ?? newKey();
  const token = over.token ?? newToken();
  const { fence, attempt } = expectOutcome(await store.acquire(asking(key, token, over)), "acquired");
  return { key, token, fence, attempt };
}

/** Begins a run and waits until its lease has ended. */
export async function beginAndLapse(harness: StoreHarness, over: Partial<AcquireRequest> = {}): Promise<Run> {
  const run = await begin(harness.store, { leaseMs: SHORT_MS, ...over });
  await untilFound(harness, run.key, "unknown");
  return run;
}

/** Begins a run and completes it. */
export async function beginAndComplete(
  store: Store,
  record: Uint8Array,
  retentionMs = DAY_MS,
  key = newKey(),
): Promise<Run> {
  const run = await begin(store, { key });
  expect(await store.complete(run.key, run.token, record, retentionMs)).toBe("ok");
  return run;
}

/** Waits, by the store's clock, until a key that a short lease or retention was given to is found as `outcome`. */
export async function untilFound(harness: StoreHarness, key: StoreKey, outcome: Found["outcome"]): Promise<void> {
  await until(harness, SHORT_MS, async () => (await harness.store.read(key)).outcome === outcome, `${outcome} record`);
}

/** Moves the clock by just over `ms`; where it cannot be moved, polls until `holds`, up to a generous cap. */
export async function until(
  harness: Pick<StoreHarness, "advance">,
  ms: number,
  holds: () => Promise<boolean>,
  what: string,
): Promise<void> {
  await harness.advance?.(ms + 1);
  const capMs = harness.advance ? 0 : REAL_CAP_MS;
  const startedMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedMs >= capMs) throw new Error(`expected a ${what} once ${ms} ms had passed`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Narrows a result to the outcome it must have. */
export function expectOutcome<R extends { readonly outcome: string }, O extends R["outcome"]>(
  result: R,
  outcome: O,
): Extract<R, { readonly outcome: O }> {
  expect(result).toMatchObject({ outcome });
  return result as Extract<R, { readonly outcome: O }>;
}

/** Reads a done record that must have exactly these bytes. */
export async function expectDone(store: Store, key: StoreKey, record: Uint8Array): Promise<void> {
  expectBytes(expectOutcome(await store.read(key), "done").record, record);
}

/** Compares byte by byte, whatever kind of Uint8Array the store hands out. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual).toBeInstanceOf(Uint8Array);
  expect(actual.length).toBe(expected.length);
  expect(expected.findIndex((byte, index) => byte !== actual[index])).toBe(-1);
}

/** A small record that no other call makes. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
