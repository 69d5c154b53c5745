import { expect } from "vitest";

/** How many inputs each fuzzed function is given. */
export const CASES = 200_000;

const PROTOTYPE = prototypeText();

/** Fails where something was added to, or changed on, the prototype of all objects. */
export function expectPrototypeUntouched(): void {
  expect(prototypeText()).toBe(PROTOTYPE);
  expect("polluted" in {}).toBe(false);
}

function prototypeText(): string {
  const described = Object.entries(Object.getOwnPropertyDescriptors(Object.prototype));
  return described.map(([name, { value }]) => `${name}:${typeof value}`).join();
}

/** How often a measurement is repeated before it counts: other processes share the machine. */
const ROUNDS = 12;

/**
 * Fails where twice the input takes much more than twice the time of the processor, in each of several rounds. A
 * busy machine spoils single rounds; a quadratic function takes four times as long in every one of them.
 */
export async function expectLinear(size: number, work: (size: number) => unknown): Promise<void> {
  await work(size);
  let told = "";
  for (let round = 0; round < ROUNDS; round += 1) {
    const [once, twice] = [await cpuMs(() => work(size)), await cpuMs(() => work(2 * size))];
    if (twice < 3 * once + 1) return;
    told = `${once} ms for ${size}, ${twice} ms for ${2 * size}`;
  }
  throw new Error(`not linear: ${told}`);
}

/** Fails where the work takes longer than `ms` of the processor each time it is tried. */
export async function expectWithin(ms: number, work: () => unknown): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS && best >= ms; round += 1) best = Math.min(best, await cpuMs(work));
  expect(best).toBeLessThan(ms);
}

async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
