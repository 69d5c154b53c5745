import { expect } from "vitest";
import {
  asking,
  beginAndComplete,
  beginAndLapse,
  bytesOf,
  DAY_MS,
  expectDone,
  expectOutcome,
  MINUTE_MS,
  newKey,
  newToken,
  OTHER_PRINT,
  type StoreCase,
} from "./store-harness.js";
import {
  beginMeanwhile,
  beginOf,
  beginPatiently,
  effectsOf,
  LONG_WAIT_MS,
  open,
  RECORD,
  SHORT_WAIT_MS,
} from "./store-transactions.js";

/** A run whose effects and record are one transaction. */
export const TRANSACTION_CASES: readonly StoreCase[] = [
  {
    rule: "begin() acquires a free key, with a fence, attempt 1, and a client; an effect written through it is there once it completed",
    needs: "begin",
    async run(harness) {
      const effects = effectsOf(harness);
      const run = await open(harness.store);
      expect(run.attempt).toBe(1);
      expect(Number.isSafeInteger(run.fence) && run.fence > 0).toBe(true);
      await effects.write(run.transaction.client, run.key);
      expect(await run.transaction.complete(RECORD, DAY_MS)).toBe("ok");
      await expectDone(harness.store, run.key, RECORD);
      expect(await effects.count(run.key)).toBe(1);
    },
  },
  {
    rule: "what a transaction claimed and wrote is seen by nobody before it completed",
    needs: "begin",
    async run(harness) {
      const effects = effectsOf(harness);
      const [store, other] = [harness.store, await harness.second()];
      const run = await open(store);
      await effects.write(run.transaction.client, run.key);
      for (const each of [store, other]) {
        expect(await each.read(run.key)).toEqual({ outcome: "none" });
        expect((await each.unknowns()).items.filter(({ key }) => key === run.key)).toEqual([]);
      }
      expect(await effects.count(run.key)).toBe(0);
      await run.transaction.complete(RECORD, DAY_MS);
      await expectDone(other, run.key, RECORD);
    },
  },
  {
    rule: "abandon() of a transaction frees the key at once, as if it had never been acquired, and takes its effects back",
    needs: "begin",
    async run(harness) {
      const effects = effectsOf(harness);
      const [store, other] = [harness.store, await harness.second()];
      const run = await open(store);
      await effects.write(run.transaction.client, run.key);
      await run.transaction.abandon();
      expect(await store.read(run.key)).toEqual({ outcome: "none" });
      const next = await open(other, run.key);
      expect(next.attempt).toBe(1);
      await next.transaction.complete(RECORD, DAY_MS);
      expect(await effects.count(run.key)).toBe(0);
    },
  },
  {
    rule: "a second begin() waits for the first one's end, and is then told done",
    needs: "begin",
    async run(harness) {
      const run = await open(harness.store);
      const found = await beginMeanwhile(harness, run, () => run.transaction.complete(RECORD, DAY_MS));
      expect(expectOutcome(found, "done").record).toEqual(RECORD);
    },
  },
  {
    rule: "a second begin() that waits acquires the key once the first one was abandoned",
    needs: "begin",
    async run(harness) {
      const run = await open(harness.store);
      const found = await beginMeanwhile(harness, run, () => run.transaction.abandon());
      const { transaction, attempt } = expectOutcome(found, "acquired");
      expect(attempt).toBe(1);
      await transaction.complete(RECORD, DAY_MS);
      await expectDone(harness.store, run.key, RECORD);
    },
  },
  {
    rule: "begin() waits at most waitMs and says running then, with the request's own fingerprint where it cannot see the other's",
    needs: "begin",
    async run({ store, second }) {
      const other = await second();
      const run = await open(store);
      const request = asking(run.key, newToken());
      for (const waitMs of [0, SHORT_WAIT_MS]) {
        const found = expectOutcome(await beginOf(other)(request, waitMs), "running");
        expect(found.fingerprint).toBe(request.fingerprint);
        expect(found.leaseLeftMs).toBeGreaterThan(0);
      }
      expect(await run.transaction.complete(RECORD, DAY_MS)).toBe("ok");
    },
  },
  {
    rule: "begin() waits for less than the store's own deadline, whatever waitMs says",
    needs: "begin",
    async run({ store, second }) {
      const other = await second();
      const run = await open(store);
      expectOutcome(await beginOf(other)(asking(run.key, newToken()), LONG_WAIT_MS), "running");
      await run.transaction.abandon();
    },
  },
  {
    rule: "of 20 begins of one key at once, each of them patient, one runs and the others are told done",
    needs: "begin",
    async run(harness) {
      const effects = effectsOf(harness);
      const stores = [harness.store, await harness.second()];
      const key = newKey();
      const begun = Array.from({ length: 20 }, async (_, index) => {
        const found = await beginPatiently(stores[index % 2] ?? harness.store, asking(key, newToken()));
        if (found.outcome !== "acquired") return found.outcome;
        await effects.write(found.transaction.client, key);
        await found.transaction.complete(RECORD, DAY_MS);
        return found.outcome;
      });
      const outcomes = await Promise.all(begun);
      expect(outcomes.filter((outcome) => outcome === "acquired")).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(19);
      expect(await effects.count(key)).toBe(1);
    },
  },
  {
    rule: "complete() of a transaction twice is complete() once, and abandon() after it changes nothing",
    needs: "begin",
    async run(harness) {
      const effects = effectsOf(harness);
      const run = await open(harness.store);
      await effects.write(run.transaction.client, run.key);
      expect(await run.transaction.complete(RECORD, DAY_MS)).toBe("ok");
      expect(await run.transaction.complete(bytesOf("another"), DAY_MS)).toBe("ok");
      await run.transaction.abandon();
      await expectDone(harness.store, run.key, RECORD);
      expect(await effects.count(run.key)).toBe(1);
    },
  },
  {
    rule: "complete() after abandon() of a transaction rejects with rolled-back, and nothing is there",
    needs: "begin",
    async run(harness) {
      const effects = effectsOf(harness);
      const run = await open(harness.store);
      await effects.write(run.transaction.client, run.key);
      await run.transaction.abandon();
      await run.transaction.abandon();
      await expect(run.transaction.complete(RECORD, DAY_MS)).rejects.toMatchObject({ code: "rolled-back" });
      expect(await harness.store.read(run.key)).toEqual({ outcome: "none" });
      expect(await effects.count(run.key)).toBe(0);
    },
  },
  {
    rule: "renew() of a transaction answers ok while it is open, and stale once it is over",
    needs: "begin",
    async run({ store }) {
      const [completed, abandoned] = [await open(store), await open(store)];
      for (const { transaction } of [completed, abandoned]) expect(await transaction.renew()).toBe("ok");
      await completed.transaction.complete(RECORD, DAY_MS);
      await abandoned.transaction.abandon();
      for (const { transaction } of [completed, abandoned]) expect(await transaction.renew()).toBe("stale");
    },
  },
  {
    rule: "the client of a transaction that is over writes nothing more",
    needs: "begin",
    async run(harness) {
      const effects = effectsOf(harness);
      const [completed, abandoned] = [await open(harness.store), await open(harness.store)];
      await completed.transaction.complete(RECORD, DAY_MS);
      await abandoned.transaction.abandon();
      for (const { key, transaction } of [completed, abandoned]) {
        await expect(effects.write(transaction.client, key)).rejects.toThrow();
        expect(await effects.count(key)).toBe(0);
      }
    },
  },
  {
    rule: "the key that a transaction has claimed is acquired by nobody else, and is running, done or free when it ends",
    needs: "begin",
    async run({ store, second }) {
      const other = await second();
      const run = await open(store);
      // A plain acquire may wait, or give up; what it may not is own the key.
      const acquiring = other.acquire(asking(run.key, newToken())).catch(() => ({ outcome: "failed" }));
      await run.transaction.complete(RECORD, DAY_MS);
      expect((await acquiring).outcome).toMatch(/^(done|failed)$/);
      await expectDone(other, run.key, RECORD);
    },
  },
  {
    rule: "begin() finds what acquire() found: running, done, and unknown, which takeOver with its fence acquires",
    needs: "begin",
    async run(harness) {
      const { store } = harness;
      const begin = beginOf(store);
      const held = asking(newKey(), newToken(), { fingerprint: OTHER_PRINT });
      await store.acquire(held);
      expect(await begin(asking(held.key, newToken()), 0)).toMatchObject({
        outcome: "running",
        fingerprint: OTHER_PRINT,
      });
      const done = await beginAndComplete(store, RECORD);
      expect(expectOutcome(await begin(asking(done.key, newToken()), 0), "done").record).toEqual(RECORD);
      const unknown = await beginAndLapse(harness);
      expect(await begin(asking(unknown.key, newToken()), 0)).toMatchObject({ outcome: "unknown", attempt: 1 });
      const request = asking(unknown.key, newToken(), { takeOver: unknown.fence });
      const taken = expectOutcome(await begin(request, 0), "acquired");
      expect(taken).toMatchObject({ attempt: 2 });
      expect(taken.fence).toBeGreaterThan(unknown.fence);
      await taken.transaction.abandon();
      expect(await store.read(unknown.key)).toMatchObject({ outcome: "unknown", fence: unknown.fence });
    },
  },
  {
    rule: "a transaction that has been idle for its lease is ended, its key free, and it cannot be completed any more",
    needs: "begin",
    async run(harness) {
      const effects = effectsOf(harness);
      const [store, other] = [harness.store, await harness.second()];
      const [key, token] = [newKey(), newToken()];
      const idle = expectOutcome(await beginOf(store)(asking(key, token, { leaseMs: 200 }), 0), "acquired");
      await effects.write(idle.transaction.client, key);
      const { transaction } = expectOutcome(await beginPatiently(other, asking(key, newToken())), "acquired");
      await expect(idle.transaction.complete(RECORD, DAY_MS)).rejects.toMatchObject({ code: "rolled-back" });
      expect(await idle.transaction.renew()).toBe("stale");
      await transaction.complete(RECORD, MINUTE_MS);
      expect(await effects.count(key)).toBe(0);
    },
  },
  {
    rule: "a transaction that is renewed outlives its lease",
    needs: "begin",
    async run(harness) {
      const [key, token] = [newKey(), newToken()];
      const { transaction } = expectOutcome(
        await beginOf(harness.store)(asking(key, token, { leaseMs: 1500 }), 0),
        "acquired",
      );
      const endMs = performance.now() + 2000;
      while (performance.now() < endMs) {
        expect(await transaction.renew()).toBe("ok");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await transaction.complete(RECORD, DAY_MS)).toBe("ok");
    },
  },
];
