import { memoryStore } from "@onceover/core";
import { beforeAll, describe, expect, it } from "vitest";
import { storeCases } from "../src/describe-store.js";
import type { StoreCapabilities, StoreHarness, StoreSuite } from "../src/store-harness.js";
import { type TransactionBug, transactionalMemory } from "./transactional-memory.js";

const capabilities: StoreCapabilities = { tier: "T0", durable: false, transactions: true };

function suiteWith(bug?: TransactionBug): StoreSuite {
  return {
    capabilities,
    async open(): Promise<StoreHarness> {
      const memory = memoryStore();
      const { store, effects } = transactionalMemory(memory, bug);
      return { store, effects, second: async () => store, close: () => memory.close() };
    },
  };
}

/** The rules about transactions that a store breaks, of which some are looked at no longer than it takes to see that they hold. */
async function brokenRules(suite: StoreSuite, capMs = 6000): Promise<readonly string[]> {
  const cases = storeCases(suite).filter(({ needs }) => needs === "begin");
  const broken = cases.map(async ({ rule, run }) => {
    const harness = await suite.open();
    const cap = new Promise((_, reject) => setTimeout(() => reject(new Error("it takes too long")), capMs).unref());
    const isBroken = await Promise.race([run(harness, capabilities), cap]).then(
      () => false,
      () => true,
    );
    await harness.close();
    return isBroken ? [rule] : [];
  });
  return (await Promise.all(broken)).flat();
}

const PLANTED: readonly (readonly [TransactionBug, string])[] = [
  ["effects leave at once", "what a transaction claimed and wrote is seen by nobody"],
  ["the claim is seen", "what a transaction claimed and wrote is seen by nobody"],
  ["abandon keeps effects", "abandon() of a transaction frees the key"],
  ["abandon keeps the key", "abandon() of a transaction frees the key"],
  ["the client goes on", "the client of a transaction that is over"],
  ["renew always says ok", "renew() of a transaction answers ok while it is open"],
  ["begin does not wait", "a second begin() waits for the first one's end"],
  ["begin waits for ever", "begin() waits for less than the store's own deadline"],
  ["begin lets two in", "of 20 begins of one key at once"],
  ["complete again writes again", "complete() of a transaction twice"],
  ["complete after abandon says ok", "complete() after abandon() of a transaction"],
  ["abandon undoes what was completed", "complete() of a transaction twice"],
  ["an idle one lives for ever", "a transaction that has been idle for its lease"],
  ["a renewed one dies", "a transaction that is renewed outlives its lease"],
  ["another's fingerprint is made up", "begin() waits at most waitMs"],
  ["takeOver is ignored", "begin() finds what acquire() found"],
];

// All at once: they wait, most of the time.
describe.concurrent("the rules about transactions can fail", () => {
  const found = new Map<TransactionBug, Promise<readonly string[]>>();
  beforeAll(() => {
    for (const [bug] of PLANTED) found.set(bug, brokenRules(suiteWith(bug)));
  });

  it("and hold for transactions without a planted bug", async () => {
    expect(await brokenRules(suiteWith(), 60_000)).toEqual([]);
  });

  it.each(PLANTED)("where %s", async (bug, rule) => {
    const broken = (await found.get(bug)) ?? [];
    expect(broken.filter((each) => each.startsWith(rule))).toHaveLength(1);
  });

  it("where a store says that it has transactions, and has none, or the suite gives no effects", async () => {
    const memory = memoryStore();
    const none: StoreSuite = {
      capabilities,
      open: async () => ({ store: memory, second: async () => memory, close: async () => {} }),
    };
    expect(await brokenRules(none)).toHaveLength(storeCases(none).filter(({ needs }) => needs === "begin").length);
    await memory.close();
  });
});
