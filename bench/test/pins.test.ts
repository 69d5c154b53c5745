import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { rowsOf } from "./markdown-rows.js";

const MAIN = fileURLToPath(new URL("../src/pins/main.ts", import.meta.url));

it("the bench of pins measures each gateway, and a request allocates no more among a thousand revisions than among two", async () => {
  const args = ["--conditions", "onceover-src", "--import", "tsx", MAIN, "--markdown", "3", "1000"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const rows = rowsOf(stdout);
  expect(rows.map(({ request }) => request)).toEqual([
    "without pins",
    "pins, one revision",
    "pins and revision pins, among 1 others",
    "pins and revision pins, among 100 others",
    "pins and revision pins, among 1000 others",
  ]);
  for (const row of rows) expect(row.µs).toMatch(/^\d+\.\d+ \(\d+\.\d+–\d+\.\d+\)$/);
  const [, , few = 0, many = 0, most = 0] = rows.map((row) => Number(row["bytes allocated"]));
  expect(few).toBeGreaterThan(0);
  expect(Math.max(many, most) / few).toBeLessThan(1.2);
}, 60_000);
