import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeFailure, nothingFound, tellFound } from "./found.js";
import { plantedCore, SMALL_CACHE } from "./planted-core.js";
import { randomSchedule, randomSettings, seeded } from "./random.js";
import { CONTRACT } from "./sim-store.js";
import { FAULTS, type Settings } from "./world.js";

const SCHEDULES = 100_000;
const LEAST_OF_EACH_FAULT = 1000;

/** A new one each time, so that each run looks where none has looked before; a failure prints it. */
const SEED = Number(process.env.EXPLORER_SEED ?? Date.now() % 1_000_000_000);

let createOnceoverOn: Settings["createOnceoverOn"];
const rejections: unknown[] = [];
const noteRejection = (reason: unknown) => void rejections.push(reason);

beforeAll(async () => {
  createOnceoverOn = await plantedCore([SMALL_CACHE]);
  process.on("unhandledRejection", noteRejection);
});

afterAll(() => void process.off("unhandledRejection", noteRejection));

describe("schedules at random", () => {
  it(`keep every rule, ${SCHEDULES} of them, and meet each kind of fault at least ${LEAST_OF_EACH_FAULT} times`, async () => {
    const found = nothingFound();
    const sinceMs = performance.now();
    while (found.schedules < SCHEDULES && found.failure === undefined && rejections.length === 0) {
      // The seed of a schedule is the run's plus its number: EXPLORER_SEED set to the sum begins with it.
      const random = seeded(SEED + found.schedules);
      await randomSchedule(randomSettings({ createOnceoverOn, rules: CONTRACT }, random), random, found);
    }
    console.log(tellFound(`random schedules from EXPLORER_SEED=${SEED}`, found, sinceMs));
    const again = `EXPLORER_SEED=${SEED + found.schedules - 1}`;
    expect(found.failure && `${again}\n${await describeFailure(found.failure)}`).toBeUndefined();
    expect(rejections, again).toEqual([]);
    for (const fault of FAULTS) expect(found.counts.get(fault), fault).toBeGreaterThanOrEqual(LEAST_OF_EACH_FAULT);
  }, 600_000);
});
