/**
 * Redis under Sentinel, apart for six seconds with clients on both sides. What T1 loses then is measured, and is what keeps
 * the other test honest: the same harness, without the replicas' word, counts duplicates.
 */
import { beforeAll, expect, it } from "vitest";
import { type PartitionFigures, runPartition } from "./src/partition.js";
import { describeFigures } from "./src/partition-report.js";

const SECONDS = 6;
const HOOK_MS = 240_000;

let T1: PartitionFigures;
let T2: PartitionFigures;
beforeAll(async () => {
  // Most of the time goes by in waiting for the sentinels.
  [T1, T2] = await Promise.all([
    runPartition({ seconds: SECONDS }),
    runPartition({ seconds: SECONDS, waitReplicas: 2 }),
  ]);
  console.log(describeFigures({ T1, T2 }));
}, HOOK_MS);

it("T2 (waitReplicas): the side that is cut off runs nothing, no key takes effect twice, each has one answer", () => {
  expect(T2.violations).toEqual([]);
  expect(T2).toMatchObject({ acceptedByMinority: 0, duplicates: 0 });
  expect(T2.acceptedByMajority + T2.unknown).toBeGreaterThanOrEqual(T2.keys);
});

it("T1: what the side that is cut off has acknowledged is lost, and runs again on the other one", () => {
  expect(T1.acceptedByMinority).toBeGreaterThan(0);
  expect(T1.duplicates).toBeGreaterThan(0);
  const broken = new Set(T1.violations.map(({ rule }) => rule));
  expect(broken).toEqual(new Set(["one-effect-per-key", "final-answers-equal"]));
});
