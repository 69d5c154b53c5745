import type { RegistryEntry } from "@onceover/core/revisions";
import { expect } from "vitest";
import { entryOf, has, newService, type RegistryCase, type RegistryHarness, textsOf } from "./registry-harness.js";
import { MINUTE_MS, SHORT_MS, until } from "./store-harness.js";

/** More than a year, of which nothing is left in 32 bits. */
const LONGEST_MS = 2 ** 35;

/** Ages, and how long a text is kept: all by the registry's own clock. */
export const REGISTRY_TIME_CASES: readonly RegistryCase[] = [
  {
    rule: "a text that was written once is as old as its first writing, and grows older, for every client alike",
    async run(harness) {
      const service = newService();
      await harness.registry.write(service, "r1", "text", MINUTE_MS);
      expectOneAge(await entryOf(harness.registry, service, "r1"));
      expectOneAge(await untilAged(harness, service, "r1", SHORT_MS));
      const seen = await entryOf(await harness.second(), service, "r1");
      expectOneAge(seen);
      expect(seen.ageMs).toBeGreaterThanOrEqual(SHORT_MS);
    },
  },
  {
    rule: "write() over a text keeps its sinceMs growing and begins its ageMs anew",
    async run(harness) {
      const service = newService();
      await harness.registry.write(service, "r1", "first", MINUTE_MS);
      const before = await untilAged(harness, service, "r1", SHORT_MS);
      await (await harness.second()).write(service, "r1", "second", MINUTE_MS);
      expectTwoAges(before, await entryOf(harness.registry, service, "r1"));
    },
  },
  {
    rule: "count() over a text keeps its sinceMs growing and begins its ageMs anew",
    async run(harness) {
      const service = newService();
      await harness.registry.count(service, "epoch", MINUTE_MS);
      const before = await untilAged(harness, service, "epoch", SHORT_MS);
      await harness.registry.count(service, "epoch", MINUTE_MS);
      expectTwoAges(before, await entryOf(harness.registry, service, "epoch"));
    },
  },
  {
    rule: "a text that was removed and is written again begins its sinceMs anew",
    async run(harness) {
      const service = newService();
      await harness.registry.write(service, "r1", "first", MINUTE_MS);
      await untilAged(harness, service, "r1", SHORT_MS);
      expect(await harness.registry.remove(service, "r1")).toBe("ok");
      await harness.registry.write(service, "r1", "second", MINUTE_MS);
      expectOneAge(await entryOf(harness.registry, service, "r1"));
    },
  },
  {
    rule: "a text whose keepMs has passed is as if it had never been written: not listed, none to remove, sinceMs anew",
    async run(harness) {
      const { registry } = harness;
      const service = newService();
      for (const id of ["r1", "r2"]) await registry.write(service, id, "first", SHORT_MS);
      await untilGone(harness, service, "r1", "r2");
      expect(await registry.list(service)).toEqual([]);
      expect(await registry.remove(service, "r2")).toBe("none");
      await registry.write(service, "r1", "second", MINUTE_MS);
      expectOneAge(await entryOf(registry, service, "r1"));
      expect(await textsOf(registry, service)).toEqual(new Map([["r1", "second"]]));
    },
  },
  {
    rule: "a text whose keepMs has passed begins its sinceMs anew where others are kept beside it, too",
    async run(harness) {
      const { registry } = harness;
      const service = newService();
      await registry.write(service, "beside", "text", MINUTE_MS);
      for (const id of ["r1", "r2"]) await registry.write(service, id, "first", SHORT_MS);
      await untilGone(harness, service, "r1", "r2");
      expect(await registry.remove(service, "r2")).toBe("none");
      await registry.write(service, "r1", "second", MINUTE_MS);
      expectOneAge(await entryOf(registry, service, "r1"));
      expect([...(await textsOf(registry, service)).keys()].sort()).toEqual(["beside", "r1"]);
    },
  },
  {
    rule: "the keepMs that counts is that of the last write(), be it longer or shorter than the one before",
    async run(harness) {
      const { registry } = harness;
      const service = newService();
      await registry.write(service, "longer", "text", SHORT_MS);
      await registry.write(service, "longer", "text", MINUTE_MS);
      await registry.write(service, "shorter", "text", MINUTE_MS);
      await registry.write(service, "shorter", "text", SHORT_MS);
      await untilGone(harness, service, "shorter");
      expect((await untilAged(harness, service, "longer", 2 * SHORT_MS)).text).toBe("text");
    },
  },
  {
    rule: "a text is kept for its own keepMs, whatever that of the texts written before and after it",
    async run(harness) {
      const { registry } = harness;
      const service = newService();
      await registry.write(service, "short-before", "text", SHORT_MS);
      await registry.write(service, "long", "text", MINUTE_MS);
      await registry.write(service, "short-after", "text", SHORT_MS);
      await registry.count(service, "short-count", SHORT_MS);
      await untilGone(harness, service, "short-before", "short-after", "short-count");
      await untilAged(harness, service, "long", 2 * SHORT_MS);
      expect([...(await textsOf(registry, service)).keys()]).toEqual(["long"]);
    },
  },
  {
    rule: "a keepMs of more than a year is kept to",
    async run(harness) {
      const service = newService();
      await harness.registry.write(service, "r1", "text", LONGEST_MS);
      await harness.registry.count(service, "epoch", LONGEST_MS);
      await untilAged(harness, service, "r1", SHORT_MS);
      expect([...(await textsOf(harness.registry, service)).keys()].sort()).toEqual(["epoch", "r1"]);
    },
  },
];

/** Waits until a text is at least as old as `ageMs`. */
async function untilAged(harness: RegistryHarness, service: string, id: string, ageMs: number): Promise<RegistryEntry> {
  let entry = await entryOf(harness.registry, service, id);
  const aged = async () => {
    entry = await entryOf(harness.registry, service, id);
    return entry.ageMs >= ageMs;
  };
  await until(harness, ageMs, aged, `text of ${ageMs} ms`);
  return entry;
}

/** Waits until texts that a short keepMs was given to are kept no longer. */
async function untilGone(harness: RegistryHarness, service: string, ...ids: readonly string[]): Promise<void> {
  const gone = async () => {
    const kept = await Promise.all(ids.map((id) => has(harness.registry, service, id)));
    return !kept.includes(true);
  };
  await until(harness, SHORT_MS, gone, `list without ${ids.join(" and ")}`);
}

/** Written once in this life: both ages have one beginning, and none begins in the future. */
function expectOneAge({ ageMs, sinceMs }: RegistryEntry): void {
  expect(ageMs).toBeGreaterThanOrEqual(0);
  expect(sinceMs).toBe(ageMs);
}

/** Written again since `before` was seen. */
function expectTwoAges(before: RegistryEntry, { ageMs, sinceMs }: RegistryEntry): void {
  expect(ageMs).toBeGreaterThanOrEqual(0);
  expect(sinceMs).toBeGreaterThanOrEqual(before.sinceMs);
  // The second writing was later than the moment at which the first was seen to be this old.
  expect(sinceMs - ageMs).toBeGreaterThanOrEqual(before.ageMs);
}
