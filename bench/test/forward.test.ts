import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../src/forward/main.ts", import.meta.url));
const RATIO = /^\d+\.\d+ \(\d+\.\d+–\d+\.\d+\)$/;

it("the bench of forwarding measures each workload at each concurrency, and gives a ratio for each", async () => {
  const args = ["--conditions", "onceover-src", "--import", "tsx", MAIN, "--markdown", "2", "60"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const lines = stdout.split("\n").filter((line) => /^\| (?:GET|POST)/.test(line));
  const rows = lines.map((line) => line.slice(2, -2).split(" | "));
  const measured = rows.map((cells) => cells.slice(0, 2).join(" "));
  expect(measured).toEqual(["GET 64", "GET 1", "POST 64", "POST 1"]);
  for (const cells of rows) for (const ratio of cells.slice(-2)) expect(ratio).toMatch(RATIO);
}, 60_000);
