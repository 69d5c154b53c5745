import type { RevisionRegistry } from "@onceover/core/revisions";
import { expect } from "vitest";
import { entryOf, has, newService, type RegistryCase, textsOf } from "./registry-harness.js";
import { MINUTE_MS, SHORT_MS, until } from "./store-harness.js";

const COUNTS = 50;
const NO_NUMBERS = ["", "twelve", "12 revisions", "{}", "NaN", "Infinity"];
/** Sums that lose their last digits, or get an exponent, where numbers are small. */
const LARGE = [4_294_967_295, 99_999_999_999_999];

/** What two clients do at the same moment, and the counting that they do it for. */
export const REGISTRY_RACE_CASES: readonly RegistryCase[] = [
  {
    rule: "count() counts from nothing and from a number that was written, and is a text like any other",
    async run({ registry, second }) {
      const [service, other] = [newService(), await second()];
      expect(await registry.count(service, "epoch", MINUTE_MS)).toBe(1);
      expect(await other.count(service, "epoch", MINUTE_MS)).toBe(2);
      await registry.write(service, "epoch", "41", MINUTE_MS);
      expect(await other.count(service, "epoch", MINUTE_MS)).toBe(42);
      expect(await textsOf(registry, service)).toEqual(new Map([["epoch", "42"]]));
      await registry.remove(service, "epoch");
      expect(await registry.count(service, "epoch", MINUTE_MS)).toBe(1);
    },
  },
  {
    rule: "count() of large numbers gives every digit of the sum",
    async run({ registry }) {
      const service = newService();
      for (const number of LARGE) {
        await registry.write(service, "epoch", String(number), MINUTE_MS);
        expect(await registry.count(service, "epoch", MINUTE_MS)).toBe(number + 1);
        expect((await entryOf(registry, service, "epoch")).text).toBe(String(number + 1));
        expect(await registry.count(service, "epoch", MINUTE_MS)).toBe(number + 2);
      }
    },
  },
  {
    rule: "count() over a text that is no number gives 1, and goes on from there",
    async run({ registry }) {
      const service = newService();
      for (const text of NO_NUMBERS) {
        await registry.write(service, "epoch", text, MINUTE_MS);
        expect(await registry.count(service, "epoch", MINUTE_MS), text).toBe(1);
        expect(await registry.count(service, "epoch", MINUTE_MS), text).toBe(2);
      }
    },
  },
  {
    rule: "count() counts from nothing once the keepMs of the last count() has passed",
    async run(harness) {
      const { registry } = harness;
      const service = newService();
      await registry.count(service, "epoch", MINUTE_MS);
      await registry.count(service, "epoch", SHORT_MS);
      await until(harness, SHORT_MS, async () => !(await has(registry, service, "epoch")), "list without epoch");
      expect(await registry.count(service, "epoch", MINUTE_MS)).toBe(1);
    },
  },
  {
    rule: "of 50 counts at once over two clients each gets a number of its own, from nothing and over any text",
    async run({ registry, second }) {
      const handles = [registry, await second()] as const;
      for (const text of [undefined, "0", "no number"]) {
        const service = newService();
        if (text !== undefined) await registry.write(service, "epoch", text, MINUTE_MS);
        const calls = Array.from({ length: COUNTS }, (_, i) =>
          handles[i % 2 === 0 ? 0 : 1].count(service, "epoch", MINUTE_MS),
        );
        const numbers = (await Promise.all(calls)).sort((a, b) => a - b);
        expect(numbers).toEqual(Array.from({ length: COUNTS }, (_, i) => i + 1));
      }
    },
  },
  {
    rule: "list() has all of 100 ids that two clients write at once",
    async run({ registry, second }) {
      const [service, other] = [newService(), await second()];
      const texts = new Map(Array.from({ length: 100 }, (_, i) => [`r${i}`, `text of r${i}`]));
      await Promise.all(
        [...texts].map(([id, text], i) => (i % 2 === 0 ? registry : other).write(service, id, text, MINUTE_MS)),
      );
      expect(await textsOf(registry, service)).toEqual(texts);
      expect(await textsOf(other, service)).toEqual(texts);
    },
  },
  {
    rule: "list() has every text whose write() was confirmed before it was asked, while two clients go on writing",
    async run({ registry, second }) {
      const service = newService();
      const confirmed = new Set<string>();
      const write = async (handle: RevisionRegistry, name: string) => {
        for (let i = 0; i < 25; i++) {
          await handle.write(service, `${name}${i}`, "text", MINUTE_MS);
          confirmed.add(`${name}${i}`);
        }
      };
      const writing = Promise.all([write(registry, "a"), write(await second(), "b")]);
      await whileListing(registry, service, writing, () => [...confirmed]);
      expect((await textsOf(registry, service)).size).toBe(50);
    },
  },
  {
    rule: "list() never misses a text that is written over, however often",
    async run({ registry, second }) {
      const service = newService();
      const ids = Array.from({ length: 10 }, (_, i) => `r${i}`);
      for (const id of ids) await registry.write(service, id, "text", MINUTE_MS);
      const beat = async (handle: RevisionRegistry) => {
        for (let round = 0; round < 5; round++) {
          for (const id of ids) await handle.write(service, id, `beat ${round}`, MINUTE_MS);
        }
      };
      const beating = Promise.all([beat(registry), beat(await second())]);
      await whileListing(registry, service, beating, () => ids);
    },
  },
];

/** Lists again and again until the work is over; each list must have whatever was due when it was asked for. */
async function whileListing(
  registry: RevisionRegistry,
  service: string,
  work: Promise<unknown>,
  due: () => readonly string[],
): Promise<void> {
  let isOver = false;
  const listing = async () => {
    while (!isOver) {
      const expected = due();
      const texts = await textsOf(registry, service);
      expect(expected.filter((id) => !texts.has(id))).toEqual([]);
      // A registry in memory answers within the turn, and timers of its own would never get theirs.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  };
  const ending = work.finally(() => {
    isOver = true;
  });
  await Promise.all([ending, listing()]);
}
