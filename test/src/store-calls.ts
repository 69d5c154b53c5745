/** What the stores' own tests call them with, and what they make of the answers. */

import type { AcquireRequest, Fingerprint, OwnerToken, ScopeDigest, Store, StoreKey } from "@onceover/core";

let counter = 0;

/** A key of the form that core makes, which no other call gives. */
export function newKey(): StoreKey {
  return `k${++counter}-${crypto.randomUUID()}`.padEnd(43, "x").slice(0, 43) as StoreKey;
}

/** What the keys of the scope of a key begin with. */
export function scopeOf(key: StoreKey): ScopeDigest {
  return key.slice(0, 16) as ScopeDigest;
}

/** Deletes the records of a scope, page after page, and says how many there were. */
export async function forgetAll(store: Store, scope: ScopeDigest): Promise<number> {
  let forgotten = 0;
  let cursor: string | undefined;
  do {
    const page = await store.forgetScope(scope, cursor);
    forgotten += page.forgotten;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return forgotten;
}

/** An owner token that no other call gives. */
export function newToken(): OwnerToken {
  return crypto.randomUUID() as OwnerToken;
}

/** An acquire with a long lease and retention, unless told otherwise. */
export function asking(over: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    key: newKey(),
    token: newToken(),
    fingerprint: "t1:request" as Fingerprint,
    leaseMs: 60_000,
    retentionMs: 86_400_000,
    ...over,
  };
}

/** How many there are of each outcome. */
export function count(outcomes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** The outcome of a call, or the code that it rejected with. */
export function outcomeOf(call: Promise<{ readonly outcome: string }>): Promise<string> {
  return call.then(
    ({ outcome }) => outcome,
    (error: { readonly code?: string }) => error.code ?? String(error),
  );
}

/**
 * How much later than a timer of `deadlineMs` a call settled, in milliseconds; negative for earlier. The timer starts
 * with the call and is late when the machine is, so that only the call's own lateness counts.
 */
export async function overrunMs(deadlineMs: number, call: () => Promise<unknown>): Promise<number> {
  const timer = new Promise<number>((resolve) => setTimeout(() => resolve(performance.now()), deadlineMs));
  const now = () => performance.now();
  const settled = await call().then(now, now);
  return settled - (await timer);
}
