/** Stages for tests, each taken down behind its test. */
import { until } from "@onceover/test/wait";
import { afterEach, expect } from "vitest";
import { type Stage, type StageSetup, setUp } from "./forward-stage.js";

let stage: Stage | undefined;

/** Sets a stage up. Behind the test nothing may be pending on it, and nothing have gone wrong. */
export async function staged(setup: StageSetup): Promise<Stage> {
  stage = await setUp(setup);
  return stage;
}

/** The stage that was set up last in this test. */
export function current(): Stage {
  if (stage === undefined) throw new Error("no stage was set up");
  return stage;
}

afterEach(async () => {
  const last = stage;
  stage = undefined;
  if (last === undefined) return;
  await until("nothing is pending", () => last.pending() === 0);
  expect(last.faults).toEqual([]);
  await last.close();
});
