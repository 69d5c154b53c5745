import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startRedis } from "@onceover/test/redis-server";
import { until } from "@onceover/test/wait";
import { describe, expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../storm/main.ts", import.meta.url));
const SMALL = ["--keys", "50", "--webhooks", "30", "--kill-every", "300", "--seed", "7"];
const LONGEST_MS = 180_000;

/** Works in a folder of its own, which the storm takes for the machine's. */
async function inFolder(work: (temp: string) => Promise<void>): Promise<void> {
  const temp = await mkdtemp(join(tmpdir(), "onceover-storm-test-"));
  await work(temp).finally(() => rm(temp, { recursive: true, force: true }));
}

interface Run {
  readonly child: ChildProcess;
  output(): string;
  readonly ended: Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>;
}

function storm(temp: string, ...args: string[]): Run {
  const command = ["--conditions", "onceover-src", "--import", "tsx", SCRIPT, ...args];
  const child = spawn(process.execPath, command, {
    env: { ...process.env, TMPDIR: temp },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Awaited<Run["ended"]>>((resolve) => {
    child.once("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
  return { child, output: () => stdout, ended };
}

/** The numbers of the table by the name of their row. */
function figures(stdout: string): Record<string, number> {
  const rows = stdout.matchAll(/^ {2}(\S[a-z ]*?) {2,}([\d,]+)(?: {2}|$)/gm);
  return Object.fromEntries([...rows].map(([, name = "", value = ""]) => [name, Number(value.replaceAll(",", ""))]));
}

/** Files the storm left behind; what tsx keeps is not its own. */
function leftFiles(temp: string): string[] {
  return readdirSync(temp).filter((name) => !name.startsWith("tsx-"));
}

/** Every worker that ever wrote to the ledger. */
function workerPids(temp: string): number[] {
  const [folder = ""] = leftFiles(temp);
  const lines = readFileSync(join(temp, folder, "ledger.jsonl"), "utf8");
  return [...new Set([...lines.matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid)))];
}

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}

function expectCalm({ exitCode, stdout, stderr }: Awaited<Run["ended"]>, temp: string): void {
  expect(stderr).toBe("");
  expect(stdout).toContain("PASSED: every key took effect once");
  expect(exitCode).toBe(0);
  const counts = figures(stdout);
  expect(counts).toMatchObject({ "accepted keys": 80, "duplicates sent": 320, "dedupe hits": 320 });
  expect(counts).toMatchObject({ "duplicate effects": 0, "lost keys": 0, "divergent answers": 0 });
  expect(counts).toMatchObject({ "by a wrong revision": 0 });
  for (const name of ["requests routed", "refused as behind", "refused as old"])
    expect(counts[name]).toBeGreaterThan(0);
  expect(counts).toMatchObject({ "workers restarted": 4, "clean reports": 4, "streams cut": 0, "requests lost": 0 });
  for (const name of ["streams finished", "streams handed off"]) expect(counts[name]).toBeGreaterThan(0);
  expect(counts.kills).toBeGreaterThanOrEqual(4);
  expect(counts.pauses).toBeGreaterThanOrEqual(2);
  expect(leftFiles(temp)).toEqual([]);
}

describe("npm start", { timeout: LONGEST_MS }, () => {
  test("over LMDB: each key takes effect once, through kills and pauses, and a restart of all workers cuts nobody off", () =>
    inFolder(async (temp) => {
      const ended = await storm(temp, ...SMALL).ended;
      expectCalm(ended, temp);
      expect(ended.stdout).toMatch(/r2 \(schema 12, index B\)/);
    }));

  test("over Redis: the same where the newer revision understands the older clients, and no key is left in it", () =>
    inFolder(async (temp) => {
      const redis = await startRedis();
      try {
        const ended = await storm(temp, ...SMALL, "--redis", redis.url, "--seed", "5").ended;
        expectCalm(ended, temp);
        expect(ended.stdout).toMatch(/r2 \(schema 11 or 12, index B\)/);
        expect(await redis.cli("dbsize")).toBe("0");
      } finally {
        await redis.stop();
      }
    }));
});

describe.concurrent("npm start, ended early or not begun", { timeout: LONGEST_MS }, () => {
  test("Ctrl-C prints the table so far and leaves nothing behind", () =>
    inFolder(async (temp) => {
      const run = storm(temp, ...SMALL, "--keys", "100000");
      await until("it goes on", () => /requests [1-9]/.test(run.output()), 60_000);
      run.child.kill("SIGINT");
      const { exitCode, stdout, stderr } = await run.ended;
      expect(stderr).toBe("");
      expect(stdout).toContain("INTERRUPTED: 0 duplicate effects so far.");
      expect(figures(stdout)["accepted keys"]).toBeGreaterThan(0);
      expect(exitCode).toBe(130);
      expect(leftFiles(temp)).toEqual([]);
    }));

  test("no worker outlives it when it is killed, not even a paused one", () =>
    inFolder(async (temp) => {
      const run = storm(temp, ...SMALL, "--keys", "100000");
      await until("a worker was paused", () => /pauses [1-9]/.test(run.output()), 60_000);
      run.child.kill("SIGKILL");
      await run.ended;
      const pids = workerPids(temp);
      expect(pids.length).toBeGreaterThan(1);
      await until("the workers are gone", () => pids.every(isGone));
    }));

  test("a flag that is wrong is refused with one line and exit code 2", () =>
    inFolder(async (temp) => {
      const { exitCode, stdout, stderr } = await storm(temp, "--keys", "many").ended;
      expect([exitCode, stdout]).toEqual([2, ""]);
      expect(stderr).toBe('--keys must be a whole number from 0 to 1000000, got "many" (--help lists the flags)\n');
    }));

  test("a Redis out of reach is told with one line and exit code 2", () =>
    inFolder(async (temp) => {
      const { exitCode, stderr } = await storm(temp, "--redis", "redis://:secret@127.0.0.1:1").ended;
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^Redis at redis:\/\/127\.0\.0\.1:1 cannot be reached: .*\n$/);
    }));
});
