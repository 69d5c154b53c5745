import { describe, it } from "vitest";
import { REGISTRY_HOUSE_CASES } from "./registry-cases-house.js";
import { REGISTRY_RACE_CASES } from "./registry-cases-race.js";
import { REGISTRY_TEXT_CASES } from "./registry-cases-text.js";
import { REGISTRY_TIME_CASES } from "./registry-cases-time.js";
import type { RegistryCase, RegistrySuite } from "./registry-harness.js";

const CASE_TIMEOUT_MS = 60_000;

/** Every rule of the registry contract; `describeRegistry` registers them, and they can be run one by one. */
export const REGISTRY_CASES: readonly RegistryCase[] = [
  ...REGISTRY_HOUSE_CASES,
  ...REGISTRY_TEXT_CASES,
  ...REGISTRY_TIME_CASES,
  ...REGISTRY_RACE_CASES,
];

/**
 * Registers the suite with which a registry of revisions proves that it keeps the registry contract. Call it at the top of a
 * vitest file. Every case opens a registry of its own and closes it again.
 *
 * @example
 * describeRegistry("memory", {
 *   async open() {
 *     const registry = memoryRegistry();
 *     return { registry, second: async () => registry, close: async () => registry.close() };
 *   },
 * });
 */
export function describeRegistry(name: string, suite: RegistrySuite): void {
  describe(`registry contract: ${name}`, () => {
    for (const registryCase of registryCases(suite)) {
      it(registryCase.rule, () => runRegistryCase(suite, registryCase), CASE_TIMEOUT_MS);
    }
  });
}

/** The cases that a suite can run. */
export function registryCases({ openBreakable }: RegistrySuite): readonly RegistryCase[] {
  return REGISTRY_CASES.filter(({ needs }) => needs === undefined || openBreakable !== undefined);
}

/** Opens what a case needs, runs it and closes it again. Rejects where the registry breaks the rule. */
export async function runRegistryCase(suite: RegistrySuite, registryCase: RegistryCase): Promise<void> {
  if (registryCase.needs === undefined) return runOver(await suite.open(), registryCase);
  if (suite.openBreakable !== undefined) return runOver(await suite.openBreakable(), registryCase);
}

async function runOver<H extends { close(): Promise<void> }>(
  harness: H,
  { run }: { readonly run: (harness: H) => Promise<void> },
): Promise<void> {
  try {
    await run(harness);
  } finally {
    await harness.close();
  }
}
