import type { Acquired } from "@onceover/core";
import { expect } from "vitest";
import {
  asking,
  begin,
  beginAndLapse,
  bytesOf,
  DAY_MS,
  expectDone,
  expectOutcome,
  MINUTE_MS,
  newKey,
  newToken,
  type StoreCase,
} from "./store-harness.js";

/** What two handles ask at the same moment. */
export const RACE_CASES: readonly StoreCase[] = [
  {
    rule: "of 50 acquires at once over two handles exactly one is acquired, and the others see it running",
    async run({ store, second }) {
      const handles = [store, await second()] as const;
      for (let round = 0; round < 5; round++) {
        const key = newKey();
        const calls = Array.from({ length: 50 }, (_, i) =>
          handles[i % 2 === 0 ? 0 : 1].acquire(asking(key, newToken())),
        );
        expect(countOutcomes(await Promise.all(calls))).toEqual({ acquired: 1, running: 49 });
      }
    },
  },
  {
    rule: "of 20 take-overs at once over two handles exactly one is acquired, by true as by fence",
    async run(harness) {
      const handles = [harness.store, await harness.second()] as const;
      for (const by of ["true", "fence"] as const) {
        const { key, fence } = await beginAndLapse(harness);
        const takeOver = by === "true" ? true : fence;
        const calls = Array.from({ length: 20 }, (_, i) =>
          handles[i % 2 === 0 ? 0 : 1].acquire(asking(key, newToken(), { takeOver })),
        );
        expect(countOutcomes(await Promise.all(calls))).toEqual({ acquired: 1, running: 19 });
      }
    },
  },
  {
    rule: "of a late complete and a take-over at once exactly one wins, and both callers are told the same story",
    async run(harness) {
      const other = await harness.second();
      for (let round = 0; round < 8; round++) {
        const { key, token } = await beginAndLapse(harness);
        const heir = newToken();
        const finish = () => harness.store.complete(key, token, bytesOf("late"), DAY_MS);
        const takeOver = () => other.acquire(asking(key, heir, { takeOver: true }));
        const early = round % 2 === 0 ? undefined : takeOver();
        const [written, taken] = await Promise.all([finish(), early ?? takeOver()]);
        if (written === "ok") {
          expect(taken).toMatchObject({ outcome: "done" });
          await expectDone(other, key, bytesOf("late"));
        } else {
          expect(taken).toMatchObject({ outcome: "acquired", attempt: 2 });
          expect(await other.complete(key, heir, bytesOf("heir"), DAY_MS)).toBe("ok");
          await expectDone(harness.store, key, bytesOf("heir"));
        }
      }
    },
  },
  {
    rule: "of a complete and an abandon of one token at once exactly one takes effect",
    async run({ store, second }) {
      const other = await second();
      for (let round = 0; round < 8; round++) {
        const { key, token } = await begin(store);
        const [completed, abandoned] = await Promise.all([
          store.complete(key, token, bytesOf("kept"), DAY_MS),
          other.abandon(key, token),
        ]);
        expect([completed, abandoned].sort()).toEqual(["ok", "stale"]);
        expectOutcome(await store.read(key), completed === "ok" ? "done" : "none");
      }
    },
  },
  {
    rule: "an acquire sent twice at once with the same token is one run",
    async run({ store, second }) {
      const [key, token] = [newKey(), newToken()];
      const asked = asking(key, token, { leaseMs: MINUTE_MS });
      const [one, two] = await Promise.all([store.acquire(asked), (await second()).acquire(asked)]);
      expect(expectOutcome(one, "acquired")).toEqual(expectOutcome(two, "acquired"));
    },
  },
];

function countOutcomes(results: readonly Acquired[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
