import { expect } from "vitest";
import {
  asking,
  begin,
  beginAndComplete,
  beginAndLapse,
  bytesOf,
  DAY_MS,
  expectBytes,
  expectDone,
  expectOutcome,
  newKey,
  newToken,
  OTHER_PRINT,
  SHORT_MS,
  type StoreCase,
  untilFound,
} from "./store-harness.js";

const MAX_RECORD_BYTES = 1_048_576;

/** Complete, the done record and its retention. */
export const RECORD_CASES: readonly StoreCase[] = [
  {
    rule: "a done record is answered byte for byte: to read() and acquire(), to any token and fingerprint, on any handle",
    async run({ store, second }) {
      const record = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
      const { key, token } = await beginAndComplete(store, record);
      const other = await second();
      await expectDone(other, key, record);
      for (const handle of [store, other]) {
        expectBytes(expectOutcome(await handle.acquire(asking(key, newToken())), "done").record, record);
        expectBytes(expectOutcome(await handle.acquire(asking(key, token)), "done").record, record);
      }
      const over = { fingerprint: OTHER_PRINT, takeOver: true } as const;
      expectBytes(expectOutcome(await store.acquire(asking(key, newToken(), over)), "done").record, record);
    },
  },
  {
    rule: "a record of no bytes is a done record",
    async run({ store }) {
      const { key } = await beginAndComplete(store, new Uint8Array(0));
      await expectDone(store, key, new Uint8Array(0));
    },
  },
  {
    rule: "a record of maxRecordBytes (1 MiB unless told otherwise) is answered byte for byte",
    async run({ store, second }, { maxRecordBytes = MAX_RECORD_BYTES }) {
      const record = Uint8Array.from({ length: maxRecordBytes }, (_, index) => (index * 31 + (index >> 8)) % 256);
      const { key } = await beginAndComplete(store, record);
      await expectDone(await second(), key, record);
    },
  },
  {
    rule: "a record that is a view into a larger buffer is stored as the view",
    async run({ store }) {
      const { key } = await beginAndComplete(store, bytesOf("before|answer|after").subarray(7, 13));
      await expectDone(store, key, bytesOf("answer"));
    },
  },
  {
    rule: "bytes handed in or out are copies: changing them changes no record",
    async run({ store }) {
      const record = bytesOf("answer");
      const { key } = await beginAndComplete(store, record);
      record.fill(0);
      await expectDone(store, key, bytesOf("answer"));
      expectOutcome(await store.read(key), "done").record.fill(0);
      expectOutcome(await store.acquire(asking(key, newToken())), "done").record.fill(0);
      await expectDone(store, key, bytesOf("answer"));
    },
  },
  {
    rule: "complete() twice with the same token answers ok twice, and the first record stands",
    async run({ store, second }) {
      const { key, token } = await beginAndComplete(store, bytesOf("first"));
      expect(await (await second()).complete(key, token, bytesOf("second"), DAY_MS)).toBe("ok");
      await expectDone(store, key, bytesOf("first"));
    },
  },
  {
    rule: "complete() with another token answers stale and writes nothing, on a running record and on a done one",
    async run({ store }) {
      const { key, token } = await begin(store);
      expect(await store.complete(key, newToken(), bytesOf("forged"), DAY_MS)).toBe("stale");
      expectOutcome(await store.read(key), "running");
      expect(await store.complete(key, token, bytesOf("true"), DAY_MS)).toBe("ok");
      expect(await store.complete(key, newToken(), bytesOf("forged"), DAY_MS)).toBe("stale");
      await expectDone(store, key, bytesOf("true"));
    },
  },
  {
    rule: "complete() of a missing record answers stale and writes nothing",
    async run({ store }) {
      const key = newKey();
      expect(await store.complete(key, newToken(), bytesOf("x"), DAY_MS)).toBe("stale");
      expectOutcome(await store.read(key), "none");
    },
  },
  {
    rule: "complete() of an abandoned run answers stale, and the key stays free",
    async run({ store }) {
      const { key, token } = await begin(store);
      await store.abandon(key, token);
      expect(await store.complete(key, token, bytesOf("x"), DAY_MS)).toBe("stale");
      expectOutcome(await store.read(key), "none");
      expect((await begin(store, { key })).attempt).toBe(2);
    },
  },
  {
    rule: "complete() after the lease ended and before anybody took over answers ok",
    async run(harness) {
      const { key, token } = await beginAndLapse(harness);
      expect(await harness.store.complete(key, token, bytesOf("late"), DAY_MS)).toBe("ok");
      await expectDone(harness.store, key, bytesOf("late"));
    },
  },
  {
    rule: "a done record is gone when the retention given to complete() has ended, and the key is free: attempt 1, higher fence",
    async run(harness) {
      const run = await beginAndComplete(harness.store, bytesOf("short"), SHORT_MS);
      await untilFound(harness, run.key, "none");
      const next = await begin(harness.store, { key: run.key, fingerprint: OTHER_PRINT });
      expect(next.attempt).toBe(1);
      expect(next.fence).toBeGreaterThan(run.fence);
    },
  },
  {
    rule: "a running record is gone when the retention given to acquire() has ended, and the key is free",
    async run(harness) {
      const run = await begin(harness.store, { leaseMs: SHORT_MS, retentionMs: SHORT_MS });
      await untilFound(harness, run.key, "none");
      expect(await harness.store.forget(run.key)).toBe("none");
      expect((await begin(harness.store, { key: run.key })).attempt).toBe(1);
    },
  },
  {
    rule: "complete(), renew() and abandon() after the retention ended answer stale and write nothing",
    async run(harness) {
      const { store } = harness;
      const { key, token } = await begin(store, { leaseMs: SHORT_MS, retentionMs: SHORT_MS });
      await untilFound(harness, key, "none");
      expect(await store.complete(key, token, bytesOf("too late"), DAY_MS)).toBe("stale");
      expect(await store.renew(key, token, DAY_MS)).toBe("stale");
      expect(await store.abandon(key, token)).toBe("stale");
      expectOutcome(await store.read(key), "none");
      expect((await begin(store, { key })).attempt).toBe(1);
    },
  },
  {
    rule: "a retention of 30 days is kept: of a running record, a done one and an abandoned one",
    async run({ store, advance }) {
      const month = 30 * DAY_MS;
      const running = await begin(store, { leaseMs: month, retentionMs: month });
      const done = await beginAndComplete(store, bytesOf("kept"), month);
      const freed = await begin(store, { retentionMs: month });
      await store.abandon(freed.key, freed.token);
      await advance?.(29 * DAY_MS);
      expectOutcome(await store.read(running.key), "running");
      await expectDone(store, done.key, bytesOf("kept"));
      expect((await begin(store, { key: freed.key })).attempt).toBe(2);
      if (advance === undefined) return;
      await advance(DAY_MS + 1);
      expectOutcome(await store.read(running.key), "none");
      expectOutcome(await store.read(done.key), "none");
    },
  },
];
