import { describe, expect, test } from "vitest";
import { parseFlags } from "../storm/flags.js";

describe("flags of npm start", () => {
  test("without any, the defaults hold and the seed is drawn", () => {
    const parsed = parseFlags([]);
    expect(parsed).toMatchObject({
      outcome: "storm",
      flags: { keys: 600, webhooks: 329, duplicates: 4, killEveryMs: 1500, seed: expect.any(Number) },
    });
    expect(parsed.outcome === "storm" && "redis" in parsed.flags).toBe(false);
  });

  test("each of them is read", () => {
    const args = ["--keys=7", "--webhooks", "0", "--duplicates", "2", "--kill-every", "250", "--seed", "42"];
    expect(parseFlags([...args, "--redis", "redis://127.0.0.1:6379"])).toEqual({
      outcome: "storm",
      flags: { keys: 7, webhooks: 0, duplicates: 2, killEveryMs: 250, seed: 42, redis: "redis://127.0.0.1:6379" },
    });
  });

  test("--help asks for help", () => {
    expect(parseFlags(["--help"])).toEqual({ outcome: "help" });
  });

  test.each([
    [["--keys", "many"], '--keys must be a whole number from 0 to 1000000, got "many"'],
    [["--keys", "1.5"], '--keys must be a whole number from 0 to 1000000, got "1.5"'],
    [["--webhooks", "330"], '--webhooks must be a whole number from 0 to 329, got "330"'],
    [["--duplicates", "0"], '--duplicates must be a whole number from 1 to 100, got "0"'],
    [["--kill-every", "99"], '--kill-every must be a whole number from 100 to 3600000, got "99"'],
    [["--redis", "127.0.0.1"], '--redis must be a URL such as redis://127.0.0.1:6379, got "127.0.0.1"'],
    [["--keys", "0", "--webhooks", "0"], "--keys and --webhooks must not both be 0"],
    [["--sed", "1"], "Unknown option '--sed'"],
    [["--keys"], "Option '--keys <value>' argument missing"],
    [["storm"], "Unexpected argument 'storm'"],
  ])("%j is refused with one line", (args, message) => {
    const parsed = parseFlags(args);
    expect(parsed).toEqual({ outcome: "wrong", message });
  });
});
