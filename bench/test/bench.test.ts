import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const NODE = ["--no-flush-bytecode", "--conditions", "onceover-src", "--import", "tsx", MAIN];
const IN_PROCESS = ["core, fresh", "core, cached replay", "fetch, fresh", "fetch, cached replay"];
const RATIO = /^(\d+\.\d+) \((\d+\.\d+)–(\d+\.\d+)\)$/;

/** What the bench prints when it is called with these flags. */
async function bench(...flags: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [...NODE, ...flags]);
  return stdout;
}

/** The cells of the rows of all tables in a Markdown text. */
function rowsOf(text: string): string[][] {
  const lines = text.split("\n").filter((line) => line.startsWith("| "));
  return lines.map((line) => line.slice(2, -2).split(" | "));
}

describe("the bench, run as quickly as it can be", () => {
  let rows: string[][] = [];
  const rowsUnder = (column: string) => {
    const from = rows.findIndex((cells) => cells.includes(column));
    const width = rows[from]?.length;
    const rest = rows.slice(from + 1);
    const end = rest.findIndex((cells) => cells.length !== width);
    return rest.slice(0, end === -1 ? undefined : end);
  };

  beforeAll(async () => {
    rows = rowsOf(await bench("--quick", "--markdown"));
  }, 120_000);

  it("measures each workload at each concurrency on each framework", () => {
    const loads = ["fresh", "replay", "cached replay", "burst of ten"];
    const expected = ["express", "fastify", "hono"].flatMap((framework) =>
      loads.flatMap((load) => ["64", "1"].map((inFlight) => [framework, load, inFlight])),
    );
    expect(rowsUnder("onceover : floor").map((cells) => cells.slice(0, 3))).toEqual(expected);
    expect(rowsUnder("floor answers/s").map((cells) => cells.slice(0, 3))).toEqual(expected);
  });

  it("gives each ratio as a median between the least and the most of the rounds", () => {
    const ratios = rowsUnder("onceover : bare").flatMap((cells) => cells.slice(-3));
    expect(ratios).toHaveLength(72);
    for (const ratio of ratios) {
      const [, median = Number.NaN, least = Number.NaN, most = Number.NaN] = (RATIO.exec(ratio) ?? []).map(Number);
      expect(least, ratio).toBeGreaterThan(0);
      expect(median, ratio).toBeGreaterThanOrEqual(least);
      expect(most, ratio).toBeGreaterThanOrEqual(median);
    }
  });

  it("answers all of a burst without a repetition, where the floor needs one for each duplicate", () => {
    const bursts = rowsUnder("floor answers/s").filter(([, load]) => load === "burst of ten");
    expect(bursts.map((cells) => cells.at(-1))).toEqual(Array(6).fill("1.0"));
    for (const cells of bursts) expect(Number(cells.at(-2))).toBeGreaterThan(1);
  });

  it("measures core and the fetch wrapper by themselves", () => {
    const measured = rowsUnder("in process");
    expect(measured.map(([name]) => name)).toEqual(IN_PROCESS);
    for (const cells of measured) expect(cells.at(-1)).toMatch(RATIO);
  });
});

describe("the flags of the bench", () => {
  it("measures nothing but what --only names", async () => {
    const text = await bench("--quick", "--markdown", "--only", "in process");
    expect(rowsOf(text).map(([first]) => first)).toEqual(["in process", ...IN_PROCESS]);
  });

  it("measures on no framework but those that --framework names", async () => {
    const rows = rowsOf(
      await bench("--quick", "--markdown", "--framework", "hono", "--only", "fresh", "--in-flight", "4"),
    );
    expect(rows.filter(([, load]) => load === "fresh").map(([framework]) => framework)).toEqual(["hono", "hono"]);
  });

  it("measures onceover without a comparison of payloads where --fingerprint says so", async () => {
    const text = await bench(
      "--quick",
      "--framework",
      "fastify",
      "--only",
      "fresh",
      "--in-flight",
      "4",
      "--fingerprint",
      "off",
    );
    expect(text).toContain('its fingerprint "off"');
  });

  it.each([
    [["--fingerprint", "on"], '--fingerprint must be of request, off, got "on"'],
    [["--fingerprint", "request,off"], '--fingerprint must be one of request, off, got "request,off"'],
    [["--warm-up", "0"], '--warm-up must be a positive whole number, got "0"'],
    [["--rounds", "0"], '--rounds must be a positive whole number, got "0"'],
    [["--framework", "koa"], '--framework must be of express, fastify, hono, got "koa"'],
    [["--only", "stale"], '--only must be of fresh, replay, cached replay, burst of ten, in process, got "stale"'],
  ])("refuses %j with a message that names flag, rule and value", async (flags, message) => {
    await expect(bench(...flags)).rejects.toThrow(message);
  });
});
