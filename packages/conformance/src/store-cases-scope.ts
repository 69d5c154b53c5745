import type { ScopeDigest, Store, StoreKey } from "@onceover/core";
import { expect } from "vitest";
import {
  begin,
  beginAndComplete,
  bytesOf,
  DAY_MS,
  expectDone,
  expectOutcome,
  newKey,
  newScope,
  OTHER_PRINT,
  type Run,
  SHORT_MS,
  type StoreCase,
  untilFound,
} from "./store-harness.js";

const RECORDS = 700;
const AT_ONCE = 50;
/** Far more pages than any listing of the records of one case has. */
const MOST_PAGES = 10_000;

/** Erasing the records of one caller. */
export const SCOPE_CASES: readonly StoreCase[] = [
  {
    rule: `forgetScope() deletes every one of ${RECORDS} records of a scope, running, done, abandoned or unknown, over its pages`,
    async run(harness) {
      const { store } = harness;
      const scope = newScope();
      const runs = await beginMany(store, scope);
      const lapsed = await begin(store, { key: newKey(scope), leaseMs: SHORT_MS });
      await untilFound(harness, lapsed.key, "unknown");
      const forgotten = await forgetAll(await harness.second(), scope);
      // Whether an abandoned record, every third one, counts as one is the store's affair.
      expect(forgotten).toBeGreaterThan((RECORDS * 2) / 3);
      expect(forgotten).toBeLessThanOrEqual(RECORDS + 1);
      for (const { key } of [...runs, lapsed]) expectOutcome(await store.read(key), "none");
      expect(await forgetAll(store, scope)).toBe(0);
    },
  },
  {
    rule: "forgetScope() leaves a key as if it had never been seen, and its old token stale",
    async run({ store }) {
      const scope = newScope();
      const runs = [
        await begin(store, { key: newKey(scope) }),
        await beginAndComplete(store, bytesOf("paid"), DAY_MS, newKey(scope)),
        await beginAndAbandon(store, newKey(scope)),
      ];
      await forgetAll(store, scope);
      for (const { key, token } of runs) {
        expect(await store.complete(key, token, bytesOf("late"), DAY_MS)).toBe("stale");
        expect((await begin(store, { key, fingerprint: OTHER_PRINT })).attempt).toBe(1);
      }
    },
  },
  {
    rule: "forgetScope() leaves the records of every other scope, however near its name is",
    async run({ store }) {
      const scope = "Scope_of-Alice_A" as ScopeDigest;
      const near = ["Scope_of-Alice_B", "Scope_of-Alice_9", "ScopeXof-AliceXA", "scope_of-alice_a", "Scope_of-Alice__"];
      const others: StoreKey[] = [];
      for (const name of near) {
        for (const last of ["-", "z"]) others.push(`${name}${newKey().slice(0, 26)}${last}` as StoreKey);
      }
      // The first and the last key that the scope can have.
      const own = ["-", "z"].map((last) => `${scope}${last.repeat(27)}` as StoreKey);
      for (const key of [...others, ...own]) await beginAndComplete(store, bytesOf("paid"), DAY_MS, key);
      expect(await forgetAll(store, scope)).toBe(own.length);
      for (const key of others) await expectDone(store, key, bytesOf("paid"));
      for (const key of others) await store.forget(key);
    },
  },
  {
    rule: "forgetScope() of a scope that has no records answers 0",
    async run({ store }) {
      await begin(store);
      expect(await forgetAll(store, newScope())).toBe(0);
    },
  },
];

/** As many runs as make several pages; a third stays running, a third is done, a third abandoned. */
async function beginMany(store: Store, scope: ScopeDigest): Promise<readonly Run[]> {
  const runs: Run[] = [];
  const kinds = [
    (key: StoreKey) => begin(store, { key }),
    (key: StoreKey) => beginAndComplete(store, bytesOf("paid"), DAY_MS, key),
    (key: StoreKey) => beginAndAbandon(store, key),
  ];
  while (runs.length < RECORDS) {
    const some = Array.from({ length: AT_ONCE }, (_, index) => kinds[index % 3]?.(newKey(scope)));
    runs.push(...(await Promise.all(some)).flatMap((run) => run ?? []));
  }
  return runs;
}

async function beginAndAbandon(store: Store, key: StoreKey): Promise<Run> {
  const run = await begin(store, { key });
  expect(await store.abandon(run.key, run.token)).toBe("ok");
  return run;
}

/** Follows the cursor to its end; how many were deleted. */
async function forgetAll(store: Store, scope: ScopeDigest): Promise<number> {
  let forgotten = 0;
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const done = await store.forgetScope(scope, cursor);
    expect(done.forgotten).toBeGreaterThanOrEqual(0);
    forgotten += done.forgotten;
    cursor = done.cursor;
    if (cursor === undefined) return forgotten;
  }
  throw new Error(`forgetScope() still gave a cursor after ${MOST_PAGES} pages`);
}
