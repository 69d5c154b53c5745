import { memoryRegistry, type RevisionRegistry } from "@onceover/core/revisions";
import { describe, expect, it } from "vitest";
import { describeRegistry, registryCases, runRegistryCase } from "../src/describe-registry.js";
import type { BreakableRegistry, RegistrySuite } from "../src/registry-harness.js";
import { REGISTRY_MUTANTS } from "./registry-mutants.js";

/** A suite over memory with a clock that can be moved, seen through `plant`. */
function suiteOver(plant: (registry: RevisionRegistry) => RevisionRegistry): RegistrySuite {
  const open = async (): Promise<BreakableRegistry> => {
    let nowMs = 1_000_000;
    const memory = memoryRegistry({ nowMs: () => nowMs });
    const registry = plant(memory);
    const advance = (ms: number) => {
      nowMs += ms;
    };
    const close = async () => memory.close();
    return { registry, advance, second: async () => registry, close, breakDown: close };
  };
  return { open, openBreakable: open };
}

/** The rules that a registry breaks. */
async function brokenRules(suite: RegistrySuite): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const registryCase of registryCases(suite)) {
    await runRegistryCase(suite, registryCase).catch(() => broken.push(registryCase.rule));
  }
  return broken;
}

describe("describeRegistry can fail", () => {
  it("breaks no rule over a registry without a planted bug", async () => {
    expect(await brokenRules(suiteOver((registry) => registry))).toEqual([]);
  });

  for (const { bug, brokenRule, plant } of REGISTRY_MUTANTS) {
    it(`fails when ${bug}`, async () => {
      const broken = await brokenRules(suiteOver(plant));
      expect(broken.filter((rule) => rule.startsWith(brokenRule))).toHaveLength(1);
    });
  }

  it("leaves the case of an outage out where nothing can break down, and no other", () => {
    const { open, ...rest } = suiteOver((registry) => registry);
    const left = registryCases({ open, ...rest }).filter(
      ({ rule }) => !registryCases({ open }).some((one) => one.rule === rule),
    );
    expect(left.map(({ needs }) => needs)).toEqual(["breakDown"]);
  });
});

describeRegistry(
  "memory through a second handle",
  suiteOver((registry) => ({ ...registry })),
);
