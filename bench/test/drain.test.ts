import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "@onceover/test/wait";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONTENDERS, type ContenderName } from "../src/drain/contenders.js";
import { DEFAULT_FILE, readFlags } from "../src/drain/flags.js";
import { hasPassed, verdict } from "../src/drain/report.js";
import { type Measured, run } from "../src/drain/run.js";
import { answeredOf } from "../src/drain/scenario.js";
import { SCENARIOS } from "../src/drain/scenarios.js";
import { QUICK, WHOLE } from "../src/drain/sizes.js";
import { rowsOf } from "./markdown-rows.js";

const MAIN = fileURLToPath(new URL("../src/drain/main.ts", import.meta.url));
const LONGEST_MS = 120_000;

let temp: string;
beforeAll(async () => {
  temp = await mkdtemp(join(tmpdir(), "onceover-drain-bench-"));
});
afterAll(() => rm(temp, { recursive: true, force: true }));

function measure(contenders: readonly ContenderName[], titles: readonly string[]): Promise<Measured[]> {
  const scenarios = SCENARIOS.filter(({ title }) => titles.includes(title));
  const { signal } = new AbortController();
  return run({ contenders, scenarios, sizes: QUICK, killOthersAfterMs: 2_000, signal, onMeasured() {} });
}

interface Bench {
  readonly child: ChildProcess;
  progress(): string;
  readonly ended: Promise<{ readonly exitCode: number | null; readonly stdout: string }>;
}

function bench(...flags: string[]): Bench {
  const child = spawn(process.execPath, ["--conditions", "onceover-src", "--import", "tsx", MAIN, ...flags]);
  const [out, progress] = [[] as Buffer[], [] as Buffer[]];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => progress.push(chunk));
  const ended = new Promise<Awaited<Bench["ended"]>>((resolve) => {
    child.once("close", (exitCode) => resolve({ exitCode, stdout: Buffer.concat(out).toString() }));
  });
  return { child, progress: () => Buffer.concat(progress).toString(), ended };
}

describe.concurrent("npm run bench:drain", () => {
  it("little of everything: this library loses nothing, cuts nobody and ends with exit code 0", {
    timeout: LONGEST_MS,
  }, async ({ expect }) => {
    const titles = SCENARIOS.map(({ title }) => title);
    const measured = await measure(["onceover"], titles);
    expect(measured.flatMap(({ scenario, misses }) => misses.map((miss) => `${scenario.title}: ${miss}`))).toEqual([]);
    const texts = Object.fromEntries(measured.map(({ scenario, text }) => [scenario.title, text]));
    expect(texts).toEqual({
      "preconnected sockets": "20 of 20",
      "slow POSTs in flight": "4 of 4",
      "event streams": "2 of 2",
      WebSockets: expect.stringMatching(/^3 × 1012 after \d/),
      "pipelined requests": "2 of 2",
      "half-sent heads": "5 of 5",
      "HTTP/2 session": expect.stringMatching(/ 0 executed unanswered, 0 in doubt, GOAWAY 2³¹−1 then \d/),
      "keep-alive requests": "0 lost of 300",
      "burst on idle connections": "30 of 30",
      "balancer late": expect.stringMatching(/^0 lost of 150(, sent at \d+\/s)?$/),
      "balancer very late": expect.stringMatching(/^0 lost of 330(, sent at \d+\/s)?$/),
      "balancer very late, too short a wait": expect.not.stringMatching(/unanswered|twice/),
      "new connections": "20 of 20",
      "one long POST, and nobody else": "1 of 1",
      "nobody there": expect.stringMatching(/^\d+\.\d\d s$/),
    });
    expect(new Set(measured.map(({ how }) => how))).toEqual(new Set(["0"]));
    expect(hasPassed(measured)).toBe(true);
  });

  it("sees what is lost: others cut WebSockets off at once, or leave them to the kill", {
    timeout: LONGEST_MS,
  }, async ({ expect }) => {
    const measured = await measure(["server.close()", "http-terminator"], ["WebSockets"]);
    const ends = measured.map(({ name, text, how }) => [name, /^3 × 1006 after \d/.test(text), how]);
    expect(ends.sort()).toEqual([
      ["http-terminator", true, "0"],
      ["server.close()", true, "killed"],
    ]);
    for (const { misses } of measured) expect(misses).not.toEqual([]);
  });

  it("prints a table of those asked for, and writes the page where it is told to", {
    timeout: LONGEST_MS,
  }, async ({ expect }) => {
    const file = join(temp, "report.md");
    const { ended, progress } = bench("--quick", "--scenario", "2,15", "--markdown", file);
    const { exitCode, stdout } = await ended;
    expect(stdout, progress()).toContain("PASSED: onceover kept what it promises in 2 rows.");
    expect(exitCode).toBe(0);
    const rows = rowsOf(stdout);
    expect(rows.map((row) => row.scenario ?? row.ended)).toEqual([
      "2. slow POSTs in flight",
      "15. nobody there",
      "2. slow POSTs in flight",
      "15. nobody there",
    ]);
    expect(rows[0]).toMatchObject({ onceover: "4 of 4", "server.close()": "4 of 4" });
    expect(rowsOf(await readFile(file, "utf8"))).toEqual(rows);
  });

  it("ends at Ctrl-C, and its servers with it", { timeout: LONGEST_MS }, async ({ expect }) => {
    const file = join(temp, "never.md");
    const { child, progress, ended } = bench("--only", "onceover", "--scenario", "3,15", "--markdown", file);
    await until("a row is over", () => /^15\. /m.test(progress()), 60_000);
    child.kill("SIGINT");
    expect((await ended).exitCode).toBe(130);
    expect(existsSync(file)).toBe(false);
  });
});

describe("what requests come to", () => {
  const answer = (status: number) => ({ status, closes: false, body: "" });

  it("is missed where one is not answered, or is refused", () => {
    expect(answeredOf([answer(200), answer(200)])).toEqual({ text: "2 of 2", misses: [] });
    expect(answeredOf([answer(200), undefined])).toEqual({ text: "1 of 2", misses: ["1 of 2"] });
    const refused = "1 of 2, 1 × 503";
    expect(answeredOf([answer(200), answer(503)])).toEqual({ text: refused, misses: [refused] });
  });
});

describe("the verdict of npm run bench:drain", () => {
  const [scenario] = SCENARIOS;
  const measured = (name: ContenderName, ...misses: string[]): Measured[] =>
    scenario === undefined ? [] : [{ scenario, name, text: "", endedAfterMs: 0, how: "0", misses }];

  it("is that of this library alone", () => {
    const others = [...measured("onceover"), ...measured("stoppable", "0 of 100")];
    expect(hasPassed(others)).toBe(true);
    expect(verdict(others)).toBe("PASSED: onceover kept what it promises in 1 rows.");
  });

  it("names what was missed", () => {
    const missed = measured("onceover", "99 of 100");
    expect(hasPassed(missed)).toBe(false);
    expect(verdict(missed)).toBe(
      "  1. preconnected sockets: 99 of 100\nFAILED: onceover missed 1 of what it promises.",
    );
  });
});

describe("the flags of npm run bench:drain", () => {
  it("ask for everything unless they say otherwise, and only then for the page that the repository keeps", () => {
    expect(readFlags([])).toEqual({
      contenders: CONTENDERS,
      scenarios: SCENARIOS,
      sizes: WHOLE,
      killOthersAfterMs: undefined,
      markdown: DEFAULT_FILE,
    });
    const written = (...args: string[]) => Object(readFlags(args)).markdown;
    expect(written("--quick")).toBeUndefined();
    expect(written("--only", "onceover")).toBeUndefined();
    expect(written("--scenario", "1")).toBeUndefined();
  });

  it("are read, each of them", () => {
    const args = ["--quick", "--only", "terminus, stoppable", "--scenario", "2, 1", "--markdown", "a.md"];
    expect(readFlags(args)).toEqual({
      contenders: ["stoppable", "terminus"],
      scenarios: SCENARIOS.slice(0, 2),
      sizes: QUICK,
      killOthersAfterMs: 5_000,
      markdown: "a.md",
    });
    expect(readFlags(["--help"])).toBe("help");
  });

  it.each([
    [["--only", "nginx"], `--only must be of ${CONTENDERS.join(", ")}, got "nginx"`],
    [["--scenario", "0"], `--scenario must be of 1 to ${SCENARIOS.length}, got "0"`],
    [["--markdown", "report"], '--markdown must be the path of a .md file, got "report"'],
  ])("refuse %j with a message that names flag, rule and value", (flags, message) => {
    expect(() => readFlags(flags)).toThrow(new TypeError(message));
  });

  it("end with one line, the usage and exit code 2 where they are wrong", async () => {
    const { ended, progress } = bench("--scenario", "99");
    expect((await ended).exitCode).toBe(2);
    expect(progress()).toMatch(/^--scenario must be of 1 to 15, got "99"\n\nUsage: npm run bench:drain/);
  });
});
