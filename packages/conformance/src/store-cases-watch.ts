import type { ScopeDigest } from "@onceover/core";
import { expect } from "vitest";
import { begin, bytesOf, DAY_MS, newKey, PRINT, type StoreCase, type StoreHarness } from "./store-harness.js";

const REAL_CAP_MS = 20_000;

/** Watches a key by one handle, and counts what it is told. */
async function watched({ store, second }: StoreHarness) {
  const watcher = await second();
  const run = await begin(store);
  let told = 0;
  const unwatch = await watcher.watch?.(run.key, () => {
    told += 1;
  });
  const isTold = async () => {
    const startedMs = performance.now();
    while (told === 0) {
      if (performance.now() - startedMs >= REAL_CAP_MS) throw new Error("a watcher was not told");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { run, isTold, unwatch, count: () => told };
}

/** Telling whoever waits for a run that it is over. */
export const WATCH_CASES: readonly StoreCase[] = [
  {
    rule: "watch() tells another handle that the record was completed",
    needs: "watch",
    async run(harness) {
      const { run, isTold, unwatch } = await watched(harness);
      expect(await harness.store.complete(run.key, run.token, bytesOf("paid"), DAY_MS)).toBe("ok");
      await isTold();
      unwatch?.();
    },
  },
  {
    rule: "watch() tells that the key was abandoned, and that it was forgotten",
    needs: "watch",
    async run(harness) {
      const { store } = harness;
      const { run, isTold, unwatch } = await watched(harness);
      await store.abandon(run.key, run.token);
      await isTold();
      unwatch?.();
      const other = await begin(store);
      let tell = () => {};
      const told = new Promise<void>((resolve) => {
        tell = resolve;
      });
      const unwatchOther = await store.watch?.(other.key, tell);
      await store.forget(other.key);
      await told;
      unwatchOther?.();
    },
  },
  {
    rule: "watch() tells that the key's scope was forgotten",
    needs: "watch",
    async run(harness) {
      const { run, isTold, unwatch } = await watched(harness);
      let page = await harness.store.forgetScope(run.key.slice(0, 16) as ScopeDigest);
      while (page.cursor !== undefined) {
        page = await harness.store.forgetScope(run.key.slice(0, 16) as ScopeDigest, page.cursor);
      }
      await isTold();
      unwatch?.();
    },
  },
  {
    rule: "watch() leaves lease, owner and retention of the record as they were",
    needs: "watch",
    async run(harness) {
      const { store } = harness;
      const { run, unwatch } = await watched(harness);
      expect(await store.renew(run.key, run.token, DAY_MS)).toBe("ok");
      const again = await store.acquire({ ...run, fingerprint: PRINT, leaseMs: DAY_MS, retentionMs: DAY_MS });
      expect(again).toMatchObject({ outcome: "acquired", fence: run.fence, attempt: run.attempt });
      expect(await store.complete(run.key, run.token, bytesOf("paid"), DAY_MS)).toBe("ok");
      expect(await store.read(run.key)).toMatchObject({ outcome: "done" });
      unwatch?.();
    },
  },
  {
    rule: "watch() still tells after the lease was renewed, and acquired again with its owner's token",
    needs: "watch",
    async run(harness) {
      const { store } = harness;
      const { run, isTold, unwatch } = await watched(harness);
      await store.renew(run.key, run.token, DAY_MS);
      await store.acquire({ ...run, fingerprint: PRINT, leaseMs: DAY_MS, retentionMs: DAY_MS });
      await store.complete(run.key, run.token, bytesOf("paid"), DAY_MS);
      await isTold();
      unwatch?.();
    },
  },
  {
    rule: "watch() of a key that nobody has claimed changes nothing",
    needs: "watch",
    async run({ store }) {
      const key = newKey();
      const unwatch = await store.watch?.(key, () => {});
      expect(await store.read(key)).toEqual({ outcome: "none" });
      unwatch?.();
    },
  },
  {
    rule: "a watch that was ended is told nothing more, and another one of the key goes on",
    needs: "watch",
    async run(harness) {
      const { run, unwatch, count } = await watched(harness);
      let tell = () => {};
      const other = await harness.store.watch?.(run.key, () => tell());
      unwatch?.();
      const before = count();
      const told = new Promise<void>((resolve) => {
        tell = resolve;
      });
      await harness.store.complete(run.key, run.token, bytesOf("paid"), DAY_MS);
      await told;
      expect(count()).toBe(before);
      other?.();
    },
  },
];
