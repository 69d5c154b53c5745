import type { AcquireRequest, Fingerprint, OwnerToken, StoreKey } from "@onceover/core";
import pg, { type Pool, type PoolConfig } from "pg";

/** A pool whose lost connections are the test's intention. */
export function connect(url: string, options: PoolConfig = {}): Pool {
  const pool = new pg.Pool({ connectionString: url, ...options });
  pool.on("error", () => undefined);
  return pool;
}

let schemas = 0;

/** The name of a schema that no other call gives. */
export function newSchema(): string {
  return `case_${process.pid}_${++schemas}`;
}

/** A key of the form that core makes, which no other call gives. */
export function newKey(): StoreKey {
  return `k-${crypto.randomUUID()}`.padEnd(43, "x").slice(0, 43) as StoreKey;
}

export function newToken(): OwnerToken {
  return crypto.randomUUID() as OwnerToken;
}

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
