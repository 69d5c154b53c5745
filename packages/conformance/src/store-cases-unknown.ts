import type { Store, StoreKey } from "@onceover/core";
import { expect } from "vitest";
import {
  asking,
  begin,
  beginAndComplete,
  beginAndLapse,
  bytesOf,
  DAY_MS,
  expectOutcome,
  MINUTE_MS,
  newKey,
  newToken,
  OTHER_PRINT,
  PRINT,
  SHORT_MS,
  type StoreCase,
  until,
} from "./store-harness.js";

/** What becomes of a run whose lease ended; forget and the listing. */
export const UNKNOWN_CASES: readonly StoreCase[] = [
  {
    rule: "a lease that ended makes the record unknown, with its fingerprint, fence, attempt and the time since",
    async run(harness) {
      const { key, fence, attempt } = await beginAndLapse(harness);
      const expected = { outcome: "unknown", fingerprint: PRINT, fence, attempt };
      const found = expectOutcome(await harness.store.read(key), "unknown");
      expect(found).toMatchObject(expected);
      expect(found.sinceMs).toBeGreaterThanOrEqual(0);
      const grows = async () => expectOutcome(await harness.store.read(key), "unknown").sinceMs > found.sinceMs;
      await until(harness, SHORT_MS, grows, "growing sinceMs");
      expect(await (await harness.second()).acquire(asking(key, newToken()))).toMatchObject(expected);
    },
  },
  {
    rule: "an unknown record is not acquired without takeOver, however often and by whomever it is asked for",
    async run(harness) {
      const { key, fence } = await beginAndLapse(harness);
      for (let round = 0; round < 5; round++) {
        const found = await harness.store.acquire(asking(key, newToken()));
        expect(found).toMatchObject({ outcome: "unknown", fence, attempt: 1 });
      }
    },
  },
  {
    rule: "acquire() with the owner's own token after its lease ended, before anybody took over, answers acquired as before",
    async run(harness) {
      const { key, token, fence, attempt } = await beginAndLapse(harness);
      expect(await harness.store.acquire(asking(key, token))).toMatchObject({ outcome: "acquired", fence, attempt });
      expectOutcome(await harness.store.read(key), "running");
    },
  },
  {
    rule: "takeOver: true acquires an unknown record, with a higher fence, one more attempt and a lease of its own",
    async run(harness) {
      const { key, fence } = await beginAndLapse(harness);
      const taken = await harness.store.acquire(asking(key, newToken(), { takeOver: true }));
      expect(taken).toMatchObject({ outcome: "acquired", attempt: 2 });
      expect(expectOutcome(taken, "acquired").fence).toBeGreaterThan(fence);
      expect(expectOutcome(await harness.store.read(key), "running").leaseLeftMs).toBeGreaterThan(SHORT_MS);
    },
  },
  {
    rule: "takeOver with the record's fence acquires it, with another fence answers unknown and changes nothing",
    async run(harness) {
      const { key, fence } = await beginAndLapse(harness);
      for (const wrong of [fence - 1, fence + 1]) {
        const refused = await harness.store.acquire(asking(key, newToken(), { takeOver: wrong }));
        expect(refused).toMatchObject({ outcome: "unknown", fence, attempt: 1 });
      }
      const taken = await harness.store.acquire(asking(key, newToken(), { takeOver: fence }));
      expect(taken).toMatchObject({ outcome: "acquired", attempt: 2 });
    },
  },
  {
    rule: "takeOver with another fingerprint answers unknown, with the recorded fingerprint, and changes nothing",
    async run(harness) {
      const { key, token, fence } = await beginAndLapse(harness);
      for (const takeOver of [true, fence] as const) {
        const over = { fingerprint: OTHER_PRINT, takeOver };
        const refused = await harness.store.acquire(asking(key, newToken(), over));
        expect(refused).toMatchObject({ outcome: "unknown", fingerprint: PRINT, fence });
      }
      expect(await harness.store.renew(key, token, MINUTE_MS)).toBe("ok");
    },
  },
  {
    rule: "takeOver on a free key is an ordinary acquire",
    async run({ store }) {
      expect((await begin(store, { takeOver: true })).attempt).toBe(1);
      expect((await begin(store, { takeOver: 7 })).attempt).toBe(1);
    },
  },
  {
    rule: "after a take-over the old token's acquire answers running, its renew, complete and abandon answer stale",
    async run(harness) {
      const { store } = harness;
      const { key, token } = await beginAndLapse(harness);
      const next = await begin(store, { key, takeOver: true });
      expectOutcome(await store.acquire(asking(key, token)), "running");
      expect(await store.renew(key, token, MINUTE_MS)).toBe("stale");
      expect(await store.complete(key, token, bytesOf("old"), DAY_MS)).toBe("stale");
      expect(await store.abandon(key, token)).toBe("stale");
      expect(await store.complete(key, next.token, bytesOf("new"), DAY_MS)).toBe("ok");
      expect(await store.complete(key, token, bytesOf("old"), DAY_MS)).toBe("stale");
    },
  },
  {
    rule: "a run that was taken over and lapsed again is unknown with its own fence: the older fence takes nothing over",
    async run(harness) {
      const first = await beginAndLapse(harness);
      const again = await beginAndLapse(harness, { key: first.key, takeOver: first.fence });
      const late = await harness.store.acquire(asking(first.key, newToken(), { takeOver: first.fence }));
      expect(late).toMatchObject({ outcome: "unknown", fence: again.fence, attempt: 2 });
    },
  },
  {
    rule: "read() claims nothing: a key that was only read is free, attempt 1",
    async run({ store }) {
      const key = newKey();
      expectOutcome(await store.read(key), "none");
      expectOutcome(await store.read(key), "none");
      expect((await begin(store, { key })).attempt).toBe(1);
    },
  },
  {
    rule: "forget() deletes a running, done or unknown record and answers ok; the key is as if never seen, its old token stale",
    async run(harness) {
      const { store } = harness;
      const unknown = await beginAndLapse(harness);
      const runs = [await begin(store), await beginAndComplete(store, bytesOf("x")), unknown];
      for (const { key, token } of runs) {
        expect(await store.forget(key)).toBe("ok");
        expectOutcome(await store.read(key), "none");
        expect(await store.complete(key, token, bytesOf("y"), DAY_MS)).toBe("stale");
        expect((await begin(store, { key, fingerprint: OTHER_PRINT })).attempt).toBe(1);
      }
    },
  },
  {
    rule: "forget() of a key that was never seen answers none",
    async run({ store }) {
      expect(await store.forget(newKey())).toBe("none");
    },
  },
  {
    rule: "unknowns() lists every one of 250 unknown records over its pages, and no running, done, abandoned or expired one",
    async run(harness) {
      const { store } = harness;
      const running = await begin(store);
      const done = await beginAndComplete(store, bytesOf("x"));
      const freed = await begin(store);
      await store.abandon(freed.key, freed.token);
      const gone = await begin(store, { leaseMs: SHORT_MS, retentionMs: SHORT_MS });
      const unknown = new Map<StoreKey, number>();
      for (let count = 0; count < 250; count++) {
        const { key, fence } = await begin(store, { leaseMs: SHORT_MS });
        unknown.set(key, fence);
      }
      const whole = async () => (await listUnknowns(store)).size >= unknown.size;
      await until(harness, SHORT_MS, whole, "whole listing");
      await until(
        harness,
        0,
        async () => !(await listUnknowns(store)).has(gone.key),
        "listing without the expired one",
      );
      const listed = await listUnknowns(await harness.second());
      for (const [key, fence] of unknown) expect(listed.get(key)).toBe(fence);
      for (const { key } of [running, done, freed, gone]) expect(listed.has(key)).toBe(false);
    },
  },
];

/** Follows the cursor to the last page; a key's fence by key. */
async function listUnknowns(store: Store): Promise<Map<StoreKey, number>> {
  const listed = new Map<StoreKey, number>();
  let cursor: string | undefined;
  do {
    const page = await store.unknowns(cursor);
    for (const item of page.items) {
      expect(item.sinceMs).toBeGreaterThanOrEqual(0);
      expect(item).toMatchObject({ fingerprint: PRINT, attempt: 1 });
      listed.set(item.key, item.fence);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return listed;
}
