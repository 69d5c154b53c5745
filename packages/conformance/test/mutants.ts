import type { AcquireRequest, OwnerToken, ScopeDigest, Store, StoreKey } from "@onceover/core";

/** A store with one planted bug, over a store that has none. */
export interface Mutant {
  readonly bug: string;
  /** How the rule begins that must catch it; others may too. */
  readonly brokenRule: string;
  plant(store: Store): Store;
}

/** Bugs that stores have had, each planted in one verb. */
export const MUTANTS: readonly Mutant[] = [
  {
    bug: "complete does not ask who owns the record",
    brokenRule: "complete() with another token answers stale",
    plant: completeWithoutOwner,
  },
  {
    bug: "abandon deletes blindly",
    brokenRule: "abandon() with another token",
    plant: (store) => ({
      ...store,
      async abandon(key) {
        await store.forget(key);
        return "ok";
      },
    }),
  },
  {
    bug: "an expired lease is acquired silently",
    brokenRule: "an unknown record is not acquired without takeOver",
    plant: (store) => ({ ...store, acquire: (request) => store.acquire({ ...request, takeOver: true }) }),
  },
  {
    bug: "abandon frees a done record",
    brokenRule: "abandon() of a done record answers stale",
    plant: (store) => ({
      ...store,
      async abandon(key, token) {
        const { outcome } = await store.read(key);
        if (outcome === "done") await store.forget(key);
        return outcome === "done" ? "ok" : store.abandon(key, token);
      },
    }),
  },
  {
    bug: "an owner's own token is not recognised",
    brokenRule: "acquire() with the owner's token answers acquired again",
    plant: forgetfulOfOwners,
  },
  {
    bug: "take-over ignores the fence it was given",
    brokenRule: "takeOver with the record's fence acquires it",
    plant: (store) => ({
      ...store,
      acquire: (request) => store.acquire(request.takeOver === undefined ? request : { ...request, takeOver: true }),
    }),
  },
  {
    bug: "take-over ignores the fingerprint",
    brokenRule: "takeOver with another fingerprint answers unknown",
    plant: takeOverAnyFingerprint,
  },
  {
    bug: "the fence starts again with each run",
    brokenRule: "fences of one key grow",
    plant: (store) => ({
      ...store,
      async acquire(request) {
        const found = await store.acquire(request);
        return found.outcome === "acquired" ? { ...found, fence: 1 } : found;
      },
    }),
  },
  {
    bug: "forget does nothing",
    brokenRule: "forget() deletes",
    plant: (store) => ({ ...store, forget: async () => "ok" }),
  },
  {
    bug: "renew does nothing",
    brokenRule: "renew() by the owner makes the lease end",
    plant: (store) => ({ ...store, renew: async () => "ok" }),
  },
  {
    bug: "read claims",
    brokenRule: "read() claims nothing",
    plant: (store) => ({
      ...store,
      async read(key) {
        await store.acquire(claim(key));
        return store.read(key);
      },
    }),
  },
  {
    bug: "unknowns stops after one page",
    brokenRule: "unknowns() lists every one",
    plant: (store) => ({ ...store, unknowns: async (cursor) => ({ items: (await store.unknowns(cursor)).items }) }),
  },
  {
    bug: "the record is kept as text",
    brokenRule: "a done record is answered byte for byte",
    plant: (store) => ({
      ...store,
      complete: (key, token, record, retentionMs) =>
        store.complete(key, token, new TextEncoder().encode(new TextDecoder().decode(record)), retentionMs),
    }),
  },
  {
    bug: "an empty record is no record",
    brokenRule: "a record of no bytes",
    plant: (store) => ({
      ...store,
      async read(key) {
        const found = await store.read(key);
        return found.outcome === "done" && found.record.length === 0 ? { outcome: "none" } : found;
      },
    }),
  },
  {
    bug: "the retention given to complete is ignored",
    brokenRule: "a done record is gone when the retention",
    plant: (store) => ({
      ...store,
      complete: (key, token, record) => store.complete(key, token, record, 40 * 86_400_000),
    }),
  },
  {
    bug: "keys are compared without case",
    brokenRule: "keys that differ only in the case",
    plant: (store) => ({
      ...store,
      acquire: (request) => store.acquire({ ...request, key: request.key.toLowerCase() as StoreKey }),
      complete: (key, ...rest) => store.complete(key.toLowerCase() as StoreKey, ...rest),
    }),
  },
  {
    bug: "forgetScope stops after one page",
    brokenRule: "forgetScope() deletes every one",
    plant: (store) => forgettingScopes(store, (keys) => ({ keys: keys.slice(0, 500) })),
  },
  {
    bug: "forgetScope never ends",
    brokenRule: "forgetScope() of a scope that has no records answers 0",
    plant: (store) => forgettingScopes(store, (keys) => ({ keys, cursor: "0" })),
  },
  {
    bug: "forgetScope says that it deleted what was there to delete",
    brokenRule: "forgetScope() leaves a key as if it had never been seen",
    plant: (store) => forgettingScopes(store, () => ({ keys: [] })),
  },
  {
    bug: "forgetScope takes _ for any character",
    brokenRule: "forgetScope() leaves the records of every other scope",
    plant: (store) =>
      forgettingScopes(store, (_, { scope, all }) => {
        const like = new RegExp(`^${scope.replaceAll("_", ".")}`);
        return { keys: all.filter((key) => like.test(key)) };
      }),
  },
  { bug: "acquire looks first and writes later", brokenRule: "of 50 acquires at once", plant: lookThenWrite },
];

function completeWithoutOwner(store: Store): Store {
  const owners = new Map<StoreKey, OwnerToken>();
  return {
    ...store,
    async acquire(request) {
      const found = await store.acquire(request);
      if (found.outcome === "acquired") owners.set(request.key, request.token);
      return found;
    },
    complete: (key, token, record, retentionMs) => store.complete(key, owners.get(key) ?? token, record, retentionMs),
  };
}

/** Each acquire gets a token of its own inside; the caller's token stands for the latest that acquired. */
function forgetfulOfOwners(store: Store): Store {
  const inner = new Map<string, OwnerToken>();
  const innerOf = (key: StoreKey, token: OwnerToken) => inner.get(`${key} ${token}`) ?? token;
  return {
    ...store,
    async acquire(request) {
      const token = crypto.randomUUID() as OwnerToken;
      const found = await store.acquire({ ...request, token });
      if (found.outcome === "acquired") inner.set(`${request.key} ${request.token}`, token);
      return found;
    },
    renew: (key, token, leaseMs) => store.renew(key, innerOf(key, token), leaseMs),
    complete: (key, token, record, retentionMs) => store.complete(key, innerOf(key, token), record, retentionMs),
    abandon: (key, token) => store.abandon(key, innerOf(key, token)),
  };
}

function takeOverAnyFingerprint(store: Store): Store {
  return {
    ...store,
    async acquire(request) {
      const found = await store.acquire(request);
      if (found.outcome !== "unknown" || request.takeOver === undefined) return found;
      const agreed = request.takeOver === true || request.takeOver === found.fence;
      return agreed ? store.acquire({ ...request, fingerprint: found.fingerprint }) : found;
    },
  };
}

function lookThenWrite(store: Store): Store {
  return {
    ...store,
    async acquire(request) {
      const { outcome } = await store.read(request.key);
      if (outcome !== "none") return store.acquire(request);
      await new Promise((resolve) => setTimeout(resolve, 1));
      if ((await store.read(request.key)).outcome === "running") await store.forget(request.key);
      return store.acquire(request);
    },
  };
}

/** A store whose forgetScope deletes what `choose` picks among the keys that were ever acquired. */
function forgettingScopes(
  store: Store,
  choose: (
    ofScope: readonly StoreKey[],
    seen: { readonly scope: ScopeDigest; readonly all: readonly StoreKey[] },
  ) => { readonly keys: readonly StoreKey[]; readonly cursor?: string },
): Store {
  const all = new Set<StoreKey>();
  return {
    ...store,
    acquire(request) {
      all.add(request.key);
      return store.acquire(request);
    },
    async forgetScope(scope) {
      const ofScope = [...all].filter((key) => key.startsWith(scope));
      const { keys, ...cursor } = choose(ofScope, { scope, all: [...all] });
      const answers = await Promise.all(keys.map((key) => store.forget(key)));
      return { forgotten: answers.filter((answer) => answer === "ok").length, ...cursor };
    },
  };
}

function claim(key: StoreKey): AcquireRequest {
  const token = crypto.randomUUID() as OwnerToken;
  return { key, token, fingerprint: "t1:read" as AcquireRequest["fingerprint"], leaseMs: 1_000, retentionMs: 60_000 };
}
