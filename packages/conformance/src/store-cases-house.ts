import { OnceoverError, type Store } from "@onceover/core";
import { expect } from "vitest";
import {
  begin,
  beginAndComplete,
  beginAndLapse,
  bytesOf,
  DAY_MS,
  expectDone,
  expectOutcome,
  MINUTE_MS,
  PRINT,
  type Run,
  type StoreCase,
} from "./store-harness.js";

const VERBS = [
  "acquire",
  "renew",
  "complete",
  "abandon",
  "read",
  "forget",
  "forgetScope",
  "unknowns",
  "verify",
  "close",
] as const;
const FILL_RECORDS = 4096;

/** The store as a thing to run: its interface, its end, and what survives. */
export const HOUSE_CASES: readonly StoreCase[] = [
  {
    rule: "matches the interface: a name, and every verb a function",
    async run({ store }) {
      expect(store.name).toMatch(/^[a-z][a-z0-9-]*$/);
      for (const verb of VERBS) expect(store[verb]).toBeTypeOf("function");
    },
  },
  {
    rule: "verify() finds the tier that the store claims, and every finding names setting, problem and mend",
    async run({ store }, { tier }) {
      const verified = await store.verify();
      expect(verified.tier).toBe(tier);
      for (const { setting, problem, mend } of verified.findings) {
        for (const text of [setting, problem, mend]) expect(text).toMatch(/\S/);
      }
    },
  },
  {
    rule: "close() twice is close() once",
    async run({ store }) {
      await store.close();
      await store.close();
    },
  },
  {
    rule: "records survive a restart: done byte for byte, running still owned, unknown still unknown, fences growing",
    needs: "reopen",
    async run(harness) {
      const { store } = harness;
      const unknown = await beginAndLapse(harness);
      const [done, running, freed] = [
        await beginAndComplete(store, bytesOf("kept")),
        await begin(store),
        await begin(store),
      ];
      await store.abandon(freed.key, freed.token);
      const reopened = await required(harness.reopen)();
      await expectDone(reopened, done.key, bytesOf("kept"));
      expect(await reopened.read(unknown.key)).toMatchObject({
        outcome: "unknown",
        fingerprint: PRINT,
        fence: unknown.fence,
      });
      expectOutcome(await reopened.read(running.key), "running");
      expect(await reopened.renew(running.key, running.token, MINUTE_MS)).toBe("ok");
      const next = await begin(reopened, { key: freed.key });
      expect(next.attempt).toBe(2);
      expect(next.fence).toBeGreaterThan(freed.fence);
    },
  },
  {
    rule: "a full store refuses a new record with store-full and loses none that it has",
    needs: "small",
    async run({ store }) {
      const record = new Uint8Array(4096).fill(7);
      const { kept, refused } = await fill(store, record);
      expect(kept.length).toBeGreaterThan(1);
      expect(refused).toBeInstanceOf(OnceoverError);
      expect(refused).toMatchObject({ code: "store-full" });
      for (const { key } of kept) await expectDone(store, key, record);
    },
  },
];

/** Adds done records until the store refuses one. */
async function fill(store: Store, record: Uint8Array): Promise<{ kept: readonly Run[]; refused: unknown }> {
  const kept: Run[] = [];
  try {
    while (kept.length < FILL_RECORDS) {
      const run = await begin(store);
      // A record that was refused here stays running: its owner still holds the key, so nothing runs twice.
      await store.complete(run.key, run.token, record, DAY_MS);
      kept.push(run);
    }
  } catch (refused) {
    return { kept, refused };
  }
  return { kept, refused: undefined };
}

function required<T>(given: T | undefined): T {
  if (given === undefined)
    throw new TypeError("reopen must be given where capabilities.durable is true, got undefined");
  return given;
}
