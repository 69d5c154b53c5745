import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DrainTimes } from "../../src/drain/machine.js";
import { type DrainWishes, planDrain } from "../../src/drain/plan-drain.js";
import { PLATFORMS } from "../../src/drain/platforms.js";

const GRACE = "TERMINATION_GRACE_PERIOD_SECONDS";

const ms = fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }));
const wishes = fc.record({ holdMs: ms, drainMs: ms, farewellMs: ms, spreadMs: ms, marginMs: ms }, { requiredKeys: [] });
const graceSeconds = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 999_999 }));
const NAMES = ["budgetMs", "holdMs", "quietMs", "farewellMs", "lingerMs", "spreadMs"] as const;

function drainOf({ budgetMs, holdMs, farewellMs }: DrainTimes): number {
  return budgetMs - holdMs - farewellMs;
}

describe("the arithmetic of a plan", () => {
  const planOf = (seconds: number, wished: DrainWishes) => planDrain({ [GRACE]: String(seconds) }, wished);

  it("fits into the grace period, and every time is a positive whole number", () => {
    fc.assert(
      fc.property(graceSeconds, wishes, (seconds, wished) => {
        const plan = planOf(seconds, wished);
        for (const name of NAMES) expect(Number.isSafeInteger(plan[name]) && plan[name] > 0, name).toBe(true);
        const graceMs = 1_000 * seconds;
        const marginMs = Math.min(wished.marginMs ?? Math.min(2_000, graceMs / 5), graceMs / 2);
        expect(plan.budgetMs).toBe(graceMs - marginMs);
        expect(plan.holdMs + plan.farewellMs).toBeLessThan(plan.budgetMs);
        expect(plan.quietMs).toBeLessThanOrEqual(plan.holdMs);
        expect(plan.lingerMs).toBeLessThanOrEqual(plan.farewellMs);
        expect(plan.spreadMs).toBeLessThanOrEqual(drainOf(plan));
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives no time less where there is more, to the millisecond", () => {
    const budgetMs = fc.integer({ min: 100, max: 300_000 });
    const more = fc.oneof(fc.constant(1), fc.nat(50_000));
    fc.assert(
      fc.property(budgetMs, more, wishes, (lessMs, moreMs, wished) => {
        const short = planDrain({}, { ...wished, budgetMs: lessMs });
        const long = planDrain({}, { ...wished, budgetMs: lessMs + moreMs });
        for (const name of NAMES) expect(long[name], name).toBeGreaterThanOrEqual(short[name]);
        // What is left of eighths goes to the drain.
        expect(drainOf(long)).toBeGreaterThan(drainOf(short) - 8);
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives no time less where the grace period is longer", () => {
    fc.assert(
      fc.property(graceSeconds, fc.nat(1_000), wishes, (seconds, moreSeconds, wished) => {
        const [short, long] = [planOf(seconds, wished), planOf(Math.min(999_999, seconds + moreSeconds), wished)];
        for (const name of NAMES) expect(long[name], name).toBeGreaterThanOrEqual(short[name]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("shortens the hold before the drain, and the drain before the farewell", () => {
    const seen = { nothing: 0, hold: 0, drain: 0, farewell: 0 };
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 100_000 }), (budgetMs) => {
        const { holdMs, farewellMs } = planDrain({}, { budgetMs });
        const [isHold, isFarewell] = [holdMs < 15_000, farewellMs < 5_000];
        const isDrain = budgetMs - holdMs - farewellMs < 60_000;
        seen[isFarewell ? "farewell" : isDrain ? "drain" : isHold ? "hold" : "nothing"] += 1;
        if (isFarewell) expect(isDrain).toBe(true);
        // As far as the hold goes: an eighth, which lets balancers notice.
        if (isDrain) expect(holdMs).toBeLessThanOrEqual(Math.max(1_000, budgetMs / 8));
        if (budgetMs >= 4_000) expect(holdMs).toBeGreaterThanOrEqual(1_000);
      }),
      { numRuns: 2_000 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  });

  it("warns of each wish that is not met, and of no other", () => {
    fc.assert(
      fc.property(graceSeconds, wishes, (seconds, wished) => {
        const plan = planOf(seconds, wished);
        const got = { ...plan, drainMs: drainOf(plan) };
        const wanted = { holdMs: 15_000, drainMs: 60_000, farewellMs: 5_000, spreadMs: 1, ...wished };
        for (const name of ["holdMs", "drainMs", "farewellMs", "spreadMs"] as const) {
          const isWarned = plan.warnings.some((warning) => warning.startsWith(`${name} is ${got[name]}, not `));
          expect(isWarned, name).toBe(got[name] < wanted[name]);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("planDrain of any environment", () => {
  it("gives a plan, whatever stands in its variables", () => {
    const names = [GRACE, ...PLATFORMS.flatMap(({ signs }) => signs)];
    const environment = fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.string(), fc.nat().map(String)));
    fc.assert(
      fc.property(environment, (variables) => {
        const plan = planDrain(variables);
        return (
          plan.holdMs > 0 &&
          plan.holdMs + plan.farewellMs < plan.budgetMs &&
          plan.warnings.every((one) => one.endsWith("."))
        );
      }),
      { numRuns: 2_000 },
    );
  });
});
