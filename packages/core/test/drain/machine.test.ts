import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  beginDrain,
  type DrainLoad,
  type DrainPhase,
  type DrainState,
  type DrainTimes,
  nextStep,
  type PhaseEnd,
} from "../../src/drain/machine.js";

const TIMES: DrainTimes = { budgetMs: 30_000, holdMs: 10_000, quietMs: 2_000, farewellMs: 5_000, lingerMs: 250 };
const START = 1_000_000;
const BUSY: DrainLoad = { lastArrivalMs: START, working: 1, endless: 1, connections: 1 };
const ORDER: readonly DrainState[] = ["serving", "hold", "drain", "farewell", "closed"];

function phase(state: DrainState, sinceMs = START): DrainPhase {
  return { state, sinceMs, startedAtMs: START };
}

describe("nextStep", () => {
  it.each([
    ["hold ends when nobody has come for a while", "hold", 0, {}, 2_000, "drain", "quiet"],
    [
      "hold counts from its start where the last request is older",
      "hold",
      0,
      { lastArrivalMs: 5 },
      2_000,
      "drain",
      "quiet",
    ],
    ["hold waits while somebody came just now", "hold", 0, { lastArrivalMs: START + 1_500 }, 3_500, "drain", "quiet"],
    ["hold ends at its cap however many come", "hold", 0, { lastArrivalMs: START + 9_999 }, 10_000, "drain", "cap"],
    [
      "hold that began late leaves the farewell its time",
      "hold",
      24_000,
      { lastArrivalMs: START + 24_000 },
      25_000,
      "drain",
      "cap",
    ],
    ["drain ends at once where nothing is left", "drain", 3_000, { working: 0, endless: 0 }, 3_000, "farewell", "done"],
    ["drain waits for what works", "drain", 3_000, { endless: 0 }, 25_000, "farewell", "cap"],
    ["drain waits until leave is taken of endless streams", "drain", 3_000, { working: 0 }, 25_000, "farewell", "cap"],
    [
      "farewell ends at once where no connection is left",
      "farewell",
      4_000,
      { connections: 0 },
      4_000,
      "closed",
      "done",
    ],
    ["farewell lasts no longer than its time", "farewell", 4_000, {}, 9_000, "closed", "cap"],
    ["farewell ends at the deadline", "farewell", 28_000, {}, 30_000, "closed", "cap"],
  ] as const)("%s", (_, state, sinceMs, load, atMs, next, endedBy) => {
    const now = phase(state, START + sinceMs);
    const step = (ms: number) => nextStep(now, TIMES, { ...BUSY, ...load }, START + ms);
    if (atMs > sinceMs) expect(step(sinceMs)).toEqual({ step: "wait", waitMs: atMs - sinceMs });
    if (atMs > sinceMs) expect(step(atMs - 1)).toEqual({ step: "wait", waitMs: 1 });
    const gone = { step: "go", phase: { state: next, sinceMs: START + atMs, startedAtMs: START }, endedBy };
    expect(step(atMs)).toEqual(gone);
    // A timer that is late says why it was to end, from when it says so.
    expect(step(atMs + 100)).toMatchObject({
      step: "go",
      phase: { state: next, sinceMs: START + atMs + 100 },
      endedBy,
    });
  });

  it.each(["serving", "closed"] as const)("stays in %s for good", (state) => {
    for (const load of [BUSY, { lastArrivalMs: 0, working: 0, endless: 0, connections: 0 }]) {
      expect(nextStep(phase(state), TIMES, load, START + 1_000_000)).toEqual({
        step: "wait",
        waitMs: Number.POSITIVE_INFINITY,
      });
    }
  });

  it("begins with the hold", () => {
    expect(beginDrain(7)).toEqual({ state: "hold", sinceMs: 7, startedAtMs: 7 });
  });
});

const time = fc.integer({ min: 1, max: 5_000 });
const times: fc.Arbitrary<DrainTimes> = fc
  .tuple(time, time, time, time, time)
  .map(([holdMs, quietMs, drainMs, farewellMs, lingerMs]) => {
    return { budgetMs: holdMs + drainMs + farewellMs, holdMs, quietMs, farewellMs, lingerMs };
  });
/** What is found at a look, and how long after the one before. */
const look = fc.record({
  afterMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 5_000 })),
  hasArrival: fc.boolean(),
  working: fc.nat(1),
  endless: fc.nat(1),
  connections: fc.nat(1),
});

interface Seen {
  readonly nowMs: number;
  readonly phase: DrainPhase;
  readonly endedBy?: PhaseEnd;
}

/** Drives the machine as a clock would: at each look, and whenever it asked to be looked at. */
function drive(
  times: DrainTimes,
  looks: readonly (typeof look extends fc.Arbitrary<infer Look> ? Look : never)[],
): Seen[] {
  let now = beginDrain(0);
  let [nowMs, lastArrivalMs] = [0, 0];
  let load: DrainLoad = { lastArrivalMs, working: 1, endless: 1, connections: 1 };
  const seen: Seen[] = [{ nowMs, phase: now }];
  const lookOnce = () => {
    for (let step = nextStep(now, times, load, nowMs); step.step === "go"; step = nextStep(now, times, load, nowMs)) {
      now = step.phase;
      seen.push({ nowMs, phase: now, endedBy: step.endedBy });
    }
  };
  for (const { afterMs, hasArrival, ...left } of [...looks, { afterMs: 100_000, hasArrival: false, ...BUSY }]) {
    const untilMs = nowMs + afterMs;
    for (;;) {
      lookOnce();
      const step = nextStep(now, times, load, nowMs);
      if (step.step !== "wait" || nowMs + step.waitMs > untilMs) break;
      nowMs += step.waitMs;
    }
    nowMs = untilMs;
    if (hasArrival) lastArrivalMs = nowMs;
    load = { lastArrivalMs, working: left.working, endless: left.endless, connections: left.connections };
    lookOnce();
  }
  return seen;
}

describe("a drain, whatever comes", () => {
  it("goes through each state once, in order, and is closed at the deadline at the latest", () => {
    fc.assert(
      fc.property(times, fc.array(look, { maxLength: 30 }), (given, looks) => {
        const seen = drive(given, looks);
        expect(seen.map(({ phase: { state } }) => state)).toEqual(ORDER.slice(1));
        expect(seen.at(-1)?.nowMs).toBeLessThanOrEqual(given.budgetMs);
        expect(seen.every(({ nowMs, phase: { sinceMs, startedAtMs } }) => sinceMs === nowMs && startedAtMs === 0)).toBe(
          true,
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it("leaves each state by its cap no earlier and no later than the arithmetic says", () => {
    const ends = { quiet: 0, done: 0, cap: 0 };
    fc.assert(
      fc.property(times, fc.array(look, { maxLength: 30 }), (given, looks) => {
        const [, drain, farewell, closed] = drive(given, looks);
        const { budgetMs, holdMs, farewellMs } = given;
        const farewellAtMs = farewell?.nowMs ?? Number.NaN;
        if (drain?.endedBy === "cap") expect(drain.nowMs).toBe(Math.min(holdMs, budgetMs - farewellMs));
        if (farewell?.endedBy === "cap") expect(farewell.nowMs).toBe(budgetMs - farewellMs);
        if (closed?.endedBy === "cap") expect(closed.nowMs).toBe(Math.min(budgetMs, farewellAtMs + farewellMs));
        for (const one of [drain, farewell, closed]) if (one?.endedBy !== undefined) ends[one.endedBy] += 1;
      }),
      { numRuns: 2_000 },
    );
    for (const count of Object.values(ends)) expect(count).toBeGreaterThan(200);
  });

  it("holds until its cap while requests keep coming", () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 10_000 }), fc.nat(5_000), (given, afterMs, sinceMs) => {
        const capMs = Math.min(given.holdMs, given.budgetMs - given.farewellMs);
        const load = { ...BUSY, lastArrivalMs: Math.max(0, afterMs - Math.min(sinceMs, given.quietMs - 1)) };
        const step = nextStep(beginDrain(0), given, load, afterMs);
        expect(step.step).toBe(afterMs < capMs ? "wait" : "go");
        if (step.step === "go") expect(step).toMatchObject({ phase: { state: "drain" }, endedBy: "cap" });
      }),
      { numRuns: 2_000 },
    );
  });

  it("always says when to look again, in a time that comes", () => {
    const states = fc.constantFrom<DrainState>("hold", "drain", "farewell");
    const load = fc.record({
      lastArrivalMs: fc.nat(20_000),
      working: fc.nat(2),
      endless: fc.nat(2),
      connections: fc.nat(2),
    });
    fc.assert(
      fc.property(times, states, fc.nat(20_000), fc.nat(20_000), load, (given, state, sinceMs, lateMs, left) => {
        const now = { state, sinceMs, startedAtMs: 0 };
        const step = nextStep(now, given, left, sinceMs + lateMs);
        if (step.step === "go") return ORDER.indexOf(step.phase.state) === ORDER.indexOf(state) + 1;
        const isInTime = sinceMs + lateMs + step.waitMs <= given.budgetMs;
        return step.waitMs > 0 && Number.isFinite(step.waitMs) && isInTime;
      }),
      { numRuns: 5_000 },
    );
  });
});
