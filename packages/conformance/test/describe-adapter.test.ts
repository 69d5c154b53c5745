import { describe, expect, it } from "vitest";
import { nodeForward } from "../../adapters/node/src/forward.js";
import { CAPABILITIES, startNode } from "../../adapters/node/test/start-node.js";
import { openBench } from "../src/adapter-bench.js";
import type { AdapterSuite } from "../src/adapter-suite.js";
import { ADAPTER_CASES, adapterCases, PINNED_CASES } from "../src/describe-adapter.js";
import { ADAPTER_MUTANTS } from "./adapter-mutants.js";

const suite: AdapterSuite = {
  start: startNode,
  forwarding: { forwarder: () => nodeForward() },
  capabilities: CAPABILITIES,
};

/** Runs the one case whose rule matches. */
async function runCase(rule: RegExp, tried: AdapterSuite): Promise<void> {
  const found = ADAPTER_CASES.filter((each) => rule.test(each.rule));
  expect(found).toHaveLength(1);
  const bench = await openBench(tried);
  try {
    await found[0]?.run(bench);
  } finally {
    await bench.close();
  }
}

describe("describeAdapter can fail", () => {
  it.each(ADAPTER_MUTANTS)("where $bug", async ({ rule, plant }) => {
    await runCase(rule, suite);
    await expect(runCase(rule, { ...suite, start: plant(suite.start) })).rejects.toThrow();
  });
});

describe("describeAdapter", () => {
  it("leaves out exactly the cases that need what the framework has not", () => {
    const without = (capability: keyof AdapterSuite["capabilities"]) => {
      const capabilities = { ...suite.capabilities, [capability]: false };
      const left = new Set(adapterCases({ ...suite, capabilities }));
      return adapterCases({ ...suite, capabilities: { ...capabilities, [capability]: true } })
        .filter((each) => !left.has(each))
        .map(({ needs }) => needs);
    };
    for (const capability of ["bodyParser", "sendFile", "nodeResponse", "resourceCounts", "errorAnswers"] as const) {
      const out = without(capability);
      expect(out.length).toBeGreaterThan(0);
      for (const needs of out) expect([needs].flat()).toContain(capability);
    }
  });

  it("leaves out, for a client of one protocol, exactly the cases that only the other one has", () => {
    for (const [protocol, other] of [
      ["http/1.1", "h2"],
      ["h2", "http/1.1"],
    ] as const) {
      const left = new Set(adapterCases({ ...suite, capabilities: { ...CAPABILITIES, errorAnswers: true }, protocol }));
      const out = ADAPTER_CASES.filter((each) => !left.has(each)).map(({ only }) => only);
      expect(new Set(out)).toEqual(new Set([other]));
    }
  });

  it("leaves out pins and revisions, and nothing else, where they are not to be tried again", () => {
    const left = new Set(adapterCases({ ...suite, pins: false }));
    const out = adapterCases(suite).filter((each) => !left.has(each));
    expect(out.length).toBeGreaterThan(50);
    expect(out).toEqual(adapterCases(suite).filter((each) => PINNED_CASES.includes(each)));
  });

  it("has a name of its own for each rule", () => {
    expect(new Set(ADAPTER_CASES.map(({ rule }) => rule)).size).toBe(ADAPTER_CASES.length);
  });
});
