import { expect } from "vitest";
import {
  asking,
  begin,
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
  PRINT,
  type StoreCase,
} from "./store-harness.js";

/** Acquire, renew and abandon while the lease lasts. */
export const RUN_CASES: readonly StoreCase[] = [
  {
    rule: "acquire() of a free key answers acquired, attempt 1, with a fence that is a safe integer",
    async run({ store }) {
      const { fence, attempt } = await begin(store);
      expect(attempt).toBe(1);
      expect(Number.isSafeInteger(fence)).toBe(true);
      expect(fence).toBeGreaterThan(0);
    },
  },
  {
    rule: "acquire() with another token answers running, with the owner's fingerprint and the lease left",
    async run({ store, second }) {
      const { key } = await begin(store, { leaseMs: MINUTE_MS });
      const over = { fingerprint: OTHER_PRINT, leaseMs: 10 * MINUTE_MS };
      const found = expectOutcome(await (await second()).acquire(asking(key, newToken(), over)), "running");
      expect(found.fingerprint).toBe(PRINT);
      expect(found.leaseLeftMs).toBeGreaterThan(0);
      expect(found.leaseLeftMs).toBeLessThanOrEqual(MINUTE_MS);
    },
  },
  {
    rule: "acquire() with the owner's token answers acquired again, with the same fence and attempt and a fresh lease",
    async run({ store, second }) {
      const { key, token, fence, attempt } = await begin(store, { leaseMs: MINUTE_MS });
      const again = await (await second()).acquire(asking(key, token, { leaseMs: 10 * MINUTE_MS }));
      expect(again).toMatchObject({ outcome: "acquired", fence, attempt });
      expect(expectOutcome(await store.read(key), "running").leaseLeftMs).toBeGreaterThan(MINUTE_MS);
    },
  },
  {
    rule: "acquire() with a token that owns one key does not own another",
    async run({ store }) {
      const { key } = await begin(store);
      const other = await begin(store);
      expectOutcome(await store.acquire(asking(key, other.token)), "running");
    },
  },
  {
    rule: "acquire() with takeOver leaves a running record alone while its lease lasts",
    async run({ store }) {
      const { key, token, fence } = await begin(store);
      expectOutcome(await store.acquire(asking(key, newToken(), { takeOver: true })), "running");
      expectOutcome(await store.acquire(asking(key, newToken(), { takeOver: fence })), "running");
      expect(await store.renew(key, token, MINUTE_MS)).toBe("ok");
    },
  },
  {
    rule: "keys that differ only in the case of a letter are different keys",
    async run({ store }) {
      const tail = newKey().slice(10);
      const upper = await begin(store, { key: `AAAAAAAAAA${tail}` as typeof key });
      const { key } = await begin(store, { key: `aaaaaaaaaa${tail}` as typeof upper.key });
      expect(await store.complete(key, upper.token, bytesOf("x"), DAY_MS)).toBe("stale");
    },
  },
  {
    rule: "renew() by the owner makes the lease end leaseMs from now, later or earlier than before",
    async run({ store }) {
      const { key, token } = await begin(store, { leaseMs: MINUTE_MS });
      expect(await store.renew(key, token, 20 * MINUTE_MS)).toBe("ok");
      expect(expectOutcome(await store.read(key), "running").leaseLeftMs).toBeGreaterThan(MINUTE_MS);
      expect(await store.renew(key, token, 5 * MINUTE_MS)).toBe("ok");
      expect(expectOutcome(await store.read(key), "running").leaseLeftMs).toBeLessThanOrEqual(5 * MINUTE_MS);
    },
  },
  {
    rule: "renew() with another token answers stale and changes nothing",
    async run({ store }) {
      const { key } = await begin(store, { leaseMs: MINUTE_MS });
      expect(await store.renew(key, newToken(), 20 * MINUTE_MS)).toBe("stale");
      expect(expectOutcome(await store.read(key), "running").leaseLeftMs).toBeLessThanOrEqual(MINUTE_MS);
    },
  },
  {
    rule: "renew() of a missing, done or abandoned record answers stale and makes no record",
    async run({ store }) {
      const missing = newKey();
      expect(await store.renew(missing, newToken(), MINUTE_MS)).toBe("stale");
      expectOutcome(await store.read(missing), "none");
      const done = await beginAndComplete(store, bytesOf("done"));
      expect(await store.renew(done.key, done.token, MINUTE_MS)).toBe("stale");
      await expectDone(store, done.key, bytesOf("done"));
      const freed = await begin(store);
      await store.abandon(freed.key, freed.token);
      expect(await store.renew(freed.key, freed.token, MINUTE_MS)).toBe("stale");
      expectOutcome(await store.read(freed.key), "none");
    },
  },
  {
    rule: "renew() after the lease ended and before anybody took over answers ok, and the record is running again",
    async run(harness) {
      const { key, token } = await beginAndLapse(harness);
      expect(await harness.store.renew(key, token, MINUTE_MS)).toBe("ok");
      expectOutcome(await harness.store.read(key), "running");
    },
  },
  {
    rule: "abandon() frees the key: the next acquire runs, with a higher fence and one more attempt",
    async run({ store, second }) {
      const { key, token, fence } = await begin(store);
      expect(await store.abandon(key, token)).toBe("ok");
      expectOutcome(await store.read(key), "none");
      const next = expectOutcome(await (await second()).acquire(asking(key, newToken())), "acquired");
      expect(next.fence).toBeGreaterThan(fence);
      expect(next.attempt).toBe(2);
    },
  },
  {
    rule: "an abandoned key may be acquired for another fingerprint",
    async run({ store }) {
      const { key, token } = await begin(store);
      await store.abandon(key, token);
      await begin(store, { key, fingerprint: OTHER_PRINT });
      expect(expectOutcome(await store.read(key), "running").fingerprint).toBe(OTHER_PRINT);
    },
  },
  {
    rule: "abandon() twice with the same token answers ok twice",
    async run({ store }) {
      const { key, token } = await begin(store);
      expect(await store.abandon(key, token)).toBe("ok");
      expect(await store.abandon(key, token)).toBe("ok");
    },
  },
  {
    rule: "abandon() again, after somebody else acquired the key, answers stale and leaves them their run",
    async run({ store }) {
      const { key, token } = await begin(store);
      await store.abandon(key, token);
      const next = await begin(store, { key });
      expect(await store.abandon(key, token)).toBe("stale");
      expect(await store.renew(key, next.token, MINUTE_MS)).toBe("ok");
    },
  },
  {
    rule: "abandon() with another token, or of a missing record, answers stale and frees nothing",
    async run({ store }) {
      const { key } = await begin(store);
      expect(await store.abandon(key, newToken())).toBe("stale");
      expectOutcome(await store.read(key), "running");
      expect(await store.abandon(newKey(), newToken())).toBe("stale");
    },
  },
  {
    rule: "abandon() after the lease ended and before anybody took over answers ok and frees the key",
    async run(harness) {
      const { key, token } = await beginAndLapse(harness);
      expect(await harness.store.abandon(key, token)).toBe("ok");
      expect((await begin(harness.store, { key })).attempt).toBe(2);
    },
  },
  {
    rule: "abandon() of a done record answers stale, whoever asks, and the record stands",
    async run({ store }) {
      const { key, token } = await beginAndComplete(store, bytesOf("answer"));
      expect(await store.abandon(key, token)).toBe("stale");
      expect(await store.abandon(key, newToken())).toBe("stale");
      await expectDone(store, key, bytesOf("answer"));
    },
  },
  {
    rule: "fences of one key grow with every abandon and take-over, and stay safe integers",
    async run(harness) {
      let { key, token, fence } = await begin(harness.store);
      for (let round = 1; round <= 10; round++) {
        await harness.store.abandon(key, token);
        const next = await begin(harness.store, { key });
        expect(next.fence).toBeGreaterThan(fence);
        expect(next.attempt).toBe(round + 1);
        expect(Number.isSafeInteger(next.fence)).toBe(true);
        ({ token, fence } = next);
      }
    },
  },
];
