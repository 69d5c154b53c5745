import { describe, expect, it } from "vitest";
import { lowerBound } from "../src/statistics.js";

describe("lowerBound", () => {
  it("is alpha^(1/n) where all of n trials are hits", () => {
    for (const trials of [1, 10, 3000, 100_000]) {
      expect(lowerBound(trials, trials)).toBeCloseTo(0.05 ** (1 / trials), 12);
      expect(lowerBound(trials, trials, 0.01)).toBeCloseTo(0.01 ** (1 / trials), 12);
    }
  });

  it("is at least 99.9 % for 3,000 hits of 3,000, and for no fewer than 2,995", () => {
    expect(lowerBound(3000, 3000)).toBeGreaterThanOrEqual(0.999);
    expect(lowerBound(2994, 2994)).toBeLessThan(0.999);
  });

  it.each([
    // The example of R's binom.test (Conover 1971): 682 of 925, two-sided 95 %, begins at 0.7076683.
    [682, 925, 0.025, 0.7076683],
    // Quantiles of the beta distribution Beta(k, n - k + 1), which is another way to the same bound.
    [9, 10, 0.05, 0.605836697563],
    [8, 10, 0.05, 0.493098698937],
    [2998, 3000, 0.05, 0.997902904144],
    [99_990, 100_000, 0.05, 0.999830383712],
  ])("%d hits of %d at %d: %d", (hits, trials, alpha, bound) => {
    expect(lowerBound(hits, trials, alpha)).toBeCloseTo(bound, 7);
  });

  it("is 0 without a hit, and without a trial", () => {
    expect(lowerBound(0, 10)).toBe(0);
    expect(lowerBound(0, 0)).toBe(0);
  });
});
