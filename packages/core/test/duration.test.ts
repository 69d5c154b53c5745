import { describe, expect, it } from "vitest";
import { durationMs } from "../src/duration.js";

describe("durationMs", () => {
  it.each([
    [0, 0],
    [1500, 1500],
    [0.5, 0.5],
    ["0s", 0],
    ["250ms", 250],
    ["90s", 90_000],
    ["1.5m", 90_000],
    ["36h", 129_600_000],
    ["30d", 2_592_000_000],
    ["007s", 7_000],
  ])("reads %j as %d ms", (duration, ms) => {
    expect(durationMs(duration)).toBe(ms);
  });

  it.each([
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "",
    "s",
    "90",
    "-1s",
    "+1s",
    "1 s",
    " 1s",
    "1S",
    "1.s",
    ".5s",
    "1e3s",
    "1w",
    "1h30m",
    `${"9".repeat(400)}d`,
    null,
    undefined,
    true,
    10n,
    [5],
    { valueOf: () => 5 },
  ])("calls %s no duration", (duration) => {
    expect(durationMs(duration)).toBeUndefined();
  });
});
