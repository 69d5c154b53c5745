import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeFailure, nothingFound, tellFound } from "./found.js";
import { plantedCore, SMALL_CACHE } from "./planted-core.js";
import { SAME } from "./random.js";
import { everySchedule } from "./search.js";
import { CONTRACT } from "./sim-store.js";
import type { Settings } from "./world.js";

const WORLD = {
  rules: CONTRACT,
  inFlight: "wait",
  processes: 2,
  whims: false,
  streams: false,
  canonical: true,
} as const;

/** What "every schedule" means exactly stands at the head of choices.ts. */
const CASES = [
  { requests: 3, faults: 2, effects: "once", recover: "none", body: "effect" },
  { requests: 2, faults: 2, effects: "once", recover: "dead", body: "effect" },
  { requests: 2, faults: 2, effects: "repeatable", recover: "none", body: "run" },
] as const;

let createOnceoverOn: Settings["createOnceoverOn"];
const rejections: unknown[] = [];
const summary: string[] = [];
const noteRejection = (reason: unknown) => void rejections.push(reason);

beforeAll(async () => {
  createOnceoverOn = await plantedCore([SMALL_CACHE]);
  process.on("unhandledRejection", noteRejection);
});

afterAll(() => {
  process.off("unhandledRejection", noteRejection);
  console.log(summary.join("\n"));
});

describe("every schedule keeps every rule:", () => {
  it.each(CASES)(
    "$requests requests, $faults faults, effects $effects, recover $recover",
    async ({ requests, ...of }) => {
      const found = nothingFound();
      const sinceMs = performance.now();
      await everySchedule({ ...WORLD, ...of, createOnceoverOn, requests: SAME.slice(0, requests) }, found);
      const what = `every schedule of ${requests} requests and at most ${of.faults} faults, effects ${of.effects}, recover ${of.recover}`;
      summary.push(tellFound(what, found, sinceMs));
      expect(found.failure && (await describeFailure(found.failure))).toBeUndefined();
      expect(rejections).toEqual([]);
    },
    600_000,
  );
});
