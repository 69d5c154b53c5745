import { describe, it } from "vitest";
import { HOUSE_CASES } from "./store-cases-house.js";
import { MODEL_CASES } from "./store-cases-model.js";
import { RACE_CASES } from "./store-cases-race.js";
import { RECORD_CASES } from "./store-cases-record.js";
import { RUN_CASES } from "./store-cases-run.js";
import { SCOPE_CASES } from "./store-cases-scope.js";
import { TRANSACTION_CASES } from "./store-cases-transaction.js";
import { UNKNOWN_CASES } from "./store-cases-unknown.js";
import { WATCH_CASES } from "./store-cases-watch.js";
import type { StoreCase, StoreSuite } from "./store-harness.js";

const CASE_TIMEOUT_MS = 60_000;

/** Every rule of the store contract; `describeStore` registers them, and they can be run one by one without vitest's runner. */
export const STORE_CASES: readonly StoreCase[] = [
  ...HOUSE_CASES,
  ...RUN_CASES,
  ...RECORD_CASES,
  ...UNKNOWN_CASES,
  ...SCOPE_CASES,
  ...RACE_CASES,
  ...WATCH_CASES,
  ...TRANSACTION_CASES,
  ...MODEL_CASES,
];

/**
 * Registers the suite with which a store proves that it keeps the store contract. Call it at the top of a vitest file.
 * Every case opens a store of its own and closes it again.
 *
 * @example
 * describeStore("memory", {
 *   capabilities: { tier: "T0", durable: false },
 *   async open() {
 *     const store = memoryStore();
 *     return { store, second: async () => store, close: () => store.close() };
 *   },
 * });
 */
export function describeStore(name: string, suite: StoreSuite): void {
  describe(`store contract: ${name}`, () => {
    for (const storeCase of storeCases(suite)) describeCase(suite, storeCase);
  });
}

/** The cases that a suite can run. A durable store that cannot be reopened fails its case, it is not spared it. */
export function storeCases({ openSmall, capabilities }: StoreSuite): readonly StoreCase[] {
  return STORE_CASES.filter(({ needs }) => {
    if (needs === "reopen") return capabilities.durable;
    if (needs === "watch") return capabilities.watches ?? false;
    if (needs === "begin") return capabilities.transactions ?? false;
    return needs === "small" ? openSmall !== undefined : true;
  });
}

function describeCase(suite: StoreSuite, { rule, needs, run }: StoreCase): void {
  it(
    rule,
    async () => {
      const harness = needs === "small" && suite.openSmall ? await suite.openSmall() : await suite.open();
      try {
        await run(harness, suite.capabilities);
      } finally {
        await harness.close();
      }
    },
    CASE_TIMEOUT_MS,
  );
}
