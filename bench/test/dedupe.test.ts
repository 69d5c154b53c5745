import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "@onceover/test/wait";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CLASSES } from "../src/dedupe/classes.js";
import { readFlags } from "../src/dedupe/flags.js";
import { run } from "../src/dedupe/run.js";
import { rowsOf } from "./markdown-rows.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const SOURCE = ["--conditions", "onceover-src", "--import", "tsx"];
const LONGEST_MS = 180_000;

let temp: string;
beforeEach(async () => {
  temp = await mkdtemp(join(tmpdir(), "onceover-dedupe-test-"));
});
afterEach(() => rm(temp, { recursive: true, force: true }));

interface Bench {
  readonly child: ChildProcess;
  progress(): string;
  readonly ended: Promise<{ readonly exitCode: number | null; readonly stdout: string }>;
}

function bench(...flags: string[]): Bench {
  const args = [...SOURCE, here("../src/dedupe/main.ts"), ...flags];
  const child = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: temp } });
  const [out, progress] = [[] as Buffer[], [] as Buffer[]];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => progress.push(chunk));
  const ended = new Promise<Awaited<Bench["ended"]>>((resolve) => {
    child.once("close", (exitCode) => resolve({ exitCode, stdout: Buffer.concat(out).toString() }));
  });
  return { child, progress: () => Buffer.concat(progress).toString(), ended };
}

const number = (text = "") => Number(text.replaceAll(",", ""));

/** Files the bench left behind; what tsx keeps is not its own. */
const leftFiles = () => readdirSync(temp).filter((name) => !name.startsWith("tsx-"));

describe("npm run bench:dedupe", () => {
  it("over LMDB and Redis: 0 duplicate effects, 0 lost, at least 99.9 % hits in each class", {
    timeout: LONGEST_MS,
  }, async () => {
    const file = join(temp, "report.md");
    const { ended, progress } = bench(
      "--store",
      "lmdb,redis",
      "--duplicates",
      "100",
      "--seed",
      "7",
      "--markdown",
      file,
    );
    const { exitCode, stdout } = await ended;
    expect(stdout, progress()).toContain("PASSED on redis");
    expect(stdout).toContain("PASSED on lmdb");
    const rows = rowsOf(readFileSync(file, "utf8"));
    const classes = rows.filter((row) => row.class !== undefined);
    const expected = ["lmdb", "redis"].flatMap((store) => CLASSES.map((name) => [store, name]));
    expect(classes.map((row) => [row.store, row.class])).toEqual(expected);
    for (const row of classes) {
      expect(row).toMatchObject({ "duplicate effects": "0", lost: "0" });
      expect(number(row.duplicates)).toBeGreaterThanOrEqual(100);
      expect(number(row.hits) / number(row.duplicates)).toBeGreaterThanOrEqual(0.999);
      expect(Number.parseFloat(row["95 % lower bound"] ?? "")).toBeGreaterThan(95);
    }
    for (const row of rows.filter(({ kills }) => kills !== undefined)) {
      expect(number(row.kills) + number(row.pauses)).toBeGreaterThanOrEqual(2);
      expect(number(row["resent by HAProxy"])).toBeGreaterThan(0);
    }
    expect(exitCode).toBe(0);
    expect(leftFiles()).toEqual(["report.md"]);
  });

  it("turns red where a run is repeated once its lease has ended, though every duplicate got an answer", {
    timeout: LONGEST_MS,
  }, async () => {
    const program = [process.execPath, ...SOURCE, here("fixtures/rerunning-worker.ts")];
    const { signal } = new AbortController();
    const planted = (seed: number) => run("lmdb", { duplicates: 100, seed, signal, program, onRound() {} });
    let { judgement } = await planted(7);
    // A run that died and a retry have to meet; where by chance none has, they do in the next.
    for (let seed = 8; judgement.passed && seed < 12; seed += 1) ({ judgement } = await planted(seed));
    expect(judgement.passed).toBe(false);
    const crashed = judgement.rows.find(({ className }) => className === "after a crash");
    expect(crashed?.duplicateEffects).toBeGreaterThan(0);
    expect(judgement.violations.map(({ rule }) => rule)).toContain("one-effect-per-key");
  });

  it("ends at Ctrl-C and leaves nothing behind", { timeout: LONGEST_MS }, async () => {
    const { child, progress, ended } = bench("--store", "redis", "--markdown", join(temp, "report.md"));
    await until("a round is over", () => / · /.test(progress()), 60_000);
    child.kill("SIGINT");
    expect((await ended).exitCode).toBe(130);
    expect(leftFiles()).toEqual([]);
  });
});

describe("the flags of npm run bench:dedupe", () => {
  it("ask for all stores and 3,000 duplicates unless they say otherwise", () => {
    expect(readFlags([])).toEqual({
      stores: ["lmdb", "redis", "postgres"],
      duplicates: 3000,
      seed: expect.any(Number),
      markdown: "bench/DEDUPE.md",
    });
  });

  it("are read, each of them", () => {
    const args = ["--store", "redis, lmdb", "--duplicates=12", "--seed", "4", "--markdown", "a.md"];
    expect(readFlags(args)).toEqual({ stores: ["lmdb", "redis"], duplicates: 12, seed: 4, markdown: "a.md" });
  });

  it("writes what the README quotes only where all of it was measured", () => {
    const written = (...args: string[]) => Object(readFlags(args)).markdown;
    expect(written("--duplicates", "3000")).toBe("bench/DEDUPE.md");
    expect(written("--duplicates", "2999")).toBeUndefined();
    expect(written("--store", "redis")).toBeUndefined();
    expect(readFlags(["--help"])).toBe("help");
  });

  it.each([
    [["--store", "mysql"], '--store must be of lmdb, redis, postgres, got "mysql"'],
    [["--duplicates", "0"], '--duplicates must be a whole number from 1 to 100000, got "0"'],
    [["--duplicates", "many"], '--duplicates must be a whole number from 1 to 100000, got "many"'],
    [["--seed", "-1"], "--seed"],
    [["--markdown", "report"], '--markdown must be the path of a .md file, got "report"'],
  ])("refuse %j with a message that names flag, rule and value", (flags, message) => {
    expect(() => readFlags(flags)).toThrow(TypeError);
    expect(() => readFlags(flags)).toThrow(message);
  });

  it("end with one line, the usage and exit code 2 where they are wrong", async () => {
    const { ended, progress } = bench("--store", "mysql");
    expect((await ended).exitCode).toBe(2);
    expect(progress()).toMatch(/^--store must be of lmdb, redis, postgres, got "mysql"\n\nUsage: npm run bench:dedupe/);
  });
});
