import type { StoreKey } from "./store.js";

/** How many arrivals may wait at once, in one process. */
export interface WaiterLimits {
  readonly maxWaitersPerKey: number;
  readonly maxWaitersPerScope: number;
}

/** The arrivals that wait for another run, and those that read along with one: each holds a connection. */
export interface Waiters {
  /** Lets one more wait, and gives the function to call when it does not any more; `undefined` where too many do. */
  enter(key: StoreKey, scope: readonly string[], limits: WaiterLimits): (() => void) | undefined;
}

/** Nobody waits. */
export function createWaiters(): Waiters {
  const byKey = new Map<string, number>();
  const byScope = new Map<string, number>();
  return {
    enter(key, scope, { maxWaitersPerKey, maxWaitersPerScope }) {
      const name = JSON.stringify(scope);
      if ((byKey.get(key) ?? 0) >= maxWaitersPerKey) return undefined;
      if ((byScope.get(name) ?? 0) >= maxWaitersPerScope) return undefined;
      count(byKey, key, 1);
      count(byScope, name, 1);
      let isIn = true;
      return () => {
        if (!isIn) return;
        isIn = false;
        count(byKey, key, -1);
        count(byScope, name, -1);
      };
    },
  };
}

function count(counts: Map<string, number>, name: string, by: number): void {
  const now = (counts.get(name) ?? 0) + by;
  if (now === 0) counts.delete(name);
  else counts.set(name, now);
}
