import { memoryStore, type Store } from "@onceover/core";
import { describe, expect, it } from "vitest";
import { describeStore, storeCases } from "../src/describe-store.js";
import type { StoreCapabilities, StoreHarness, StoreSuite } from "../src/store-harness.js";
import { MUTANTS } from "./mutants.js";

const capabilities: StoreCapabilities = { tier: "T0", durable: false };

/** A suite over memory with a clock that can be moved, seen through `plant`. */
function suiteOver(plant: (store: Store) => Store): StoreSuite {
  const open = async (maxBytes?: number): Promise<StoreHarness> => {
    let nowMs = 1_700_000_000_000;
    const memory = memoryStore({ nowMs: () => nowMs, ...(maxBytes === undefined ? {} : { maxBytes }) });
    const store = plant(memory);
    const advance = (ms: number) => {
      nowMs += ms;
    };
    return { store, advance, second: async () => store, close: () => memory.close() };
  };
  return { capabilities, open: () => open(), openSmall: () => open(1024 * 1024) };
}

/** The rules that a store breaks. */
async function brokenRules(suite: StoreSuite): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const { rule, needs, run } of storeCases(suite)) {
    const harness = needs === "small" && suite.openSmall ? await suite.openSmall() : await suite.open();
    const failure = await run(harness, capabilities).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure !== undefined) broken.push(rule);
    await harness.close();
  }
  return broken;
}

describe("describeStore can fail", () => {
  it("breaks no rule over a store without a planted bug", async () => {
    expect(await brokenRules(suiteOver((store) => store))).toEqual([]);
  });

  for (const { bug, brokenRule, plant } of MUTANTS) {
    it(`fails when ${bug}`, async () => {
      const broken = await brokenRules(suiteOver(plant));
      expect(broken.filter((rule) => rule.startsWith(brokenRule))).toHaveLength(1);
    });
  }

  it("fails a store that claims durability and whose records are gone after reopen()", async () => {
    const suite = suiteOver((store) => store);
    const durable: StoreCapabilities = { ...capabilities, durable: true };
    const restart = storeCases({ ...suite, capabilities: durable }).find(({ needs }) => needs === "reopen");
    const harness = await suite.open();
    const forgetful: StoreHarness = { ...harness, reopen: async () => memoryStore() };
    await expect(restart?.run(forgetful, durable)).rejects.toThrow();
    await expect(restart?.run(harness, durable)).rejects.toThrow("reopen must be given");
  });

  it("fails a store that claims another tier than verify() finds", async () => {
    const suite = suiteOver((store) => store);
    const verify = storeCases(suite).find(({ rule }) => rule.startsWith("verify()"));
    await expect(verify?.run(await suite.open(), { ...capabilities, tier: "T3" })).rejects.toThrow();
  });
});

describeStore(
  "memory through a second handle",
  suiteOver((store) => ({ ...store })),
);
