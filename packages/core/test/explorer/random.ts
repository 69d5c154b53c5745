/** Schedules at random, in worlds of every kind. */

import type { Choice } from "./choice.js";
import { choices } from "./choices.js";
import { type Found, tally } from "./found.js";
import { make, retryAndJudge } from "./schedule.js";
import { createWorld, type Settings } from "./world.js";

/** One schedule at random. */
export async function randomSchedule(settings: Settings, random: () => number, found: Found): Promise<void> {
  const world = createWorld(settings);
  const numbers: number[] = [];
  for (let steps = 0; steps < MOST_CHOICES && world.violations.length === 0; steps += 1) {
    const possible = choices(world);
    if (possible.length === 0) break;
    const number = pick(possible.map(weightOf), random);
    const choice = possible[number];
    if (choice === undefined) break;
    numbers.push(number);
    await make(world, choice);
  }
  found.steps += numbers.length;
  tally(found, world);
  const broken = await retryAndJudge(world);
  if (broken.length > 0) found.failure = { settings, numbers, broken };
}

/** Choices of one random schedule; what is under way then is brought to its end. */
const MOST_CHOICES = 80;

/** Faults and whims are rare, so that what they disturb gets somewhere first. */
function weightOf({ kind, fault }: Choice): number {
  if (fault) return 0.25;
  if (kind === "fail" || kind === "abandon" || kind === "cut") return 0.15;
  return kind === "hang up" ? 0.1 : 1;
}

function pick(weights: readonly number[], random: () => number): number {
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [number, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return number;
  }
  return weights.length - 1;
}

/** A small, fast, seeded generator (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The settings of one random schedule. */
export function randomSettings(base: Pick<Settings, "createOnceoverOn" | "rules">, random: () => number): Settings {
  const one = <T>(items: readonly [T, ...T[]]): T => items[Math.floor(random() * items.length)] ?? items[0];
  const effects = one<Settings["effects"]>(["once", "once", "repeatable"]);
  const transactional = effects === "once" && random() < 0.3;
  return {
    ...base,
    effects,
    transactional,
    inFlight: one(["wait", "wait", "reject"]),
    recover: effects === "once" && !transactional ? one(["none", "dead", "closes"]) : "none",
    body: effects === "once" ? "effect" : one(["effect", "run"]),
    requests: one([SAME, SAME, SAME, OTHER_PAYLOAD, OTHER_SCOPE]),
    processes: one([2, 2, 3]),
    faults: one([1, 2, 3, 4]),
    whims: one([false, true]),
    streams: one([false, true]),
    canonical: false,
  };
}

/** The same request three times. */
export const SAME = [1, 2, 3].map(() => ({ scope: "ann", payload: "10 EUR" }));
const OTHER_PAYLOAD = SAME.map((request, index) => (index === 1 ? { ...request, payload: "99 EUR" } : request));
const OTHER_SCOPE = SAME.map((request, index) => (index === 1 ? { ...request, scope: "bob" } : request));
