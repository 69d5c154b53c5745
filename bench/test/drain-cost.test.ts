import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { rowsOf } from "./markdown-rows.js";

const MAIN = fileURLToPath(new URL("../src/drain-cost/main.ts", import.meta.url));

it("the bench of the drain's cost measures both servers, and an idle connection is given no timer by drainable()", async () => {
  const args = ["--conditions", "onceover-src", "--import", "tsx", MAIN, "--markdown", "3", "400", "100", "100"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const rows = rowsOf(stdout);
  expect(rows.map(({ server }) => server)).toEqual(["plain", "drainable"]);
  for (const row of rows) expect(row.µs).toMatch(/^\d+\.\d+ \(\d+\.\d+–\d+\.\d+\)$/);
  const [plain, drained] = rows;
  expect(drained?.timers).toBe(plain?.timers);
  const bytes = rows.map((row) => Number(row["bytes per idle connection"]));
  expect(Math.max(...bytes)).toBeLessThan(20_000);
}, 60_000);
