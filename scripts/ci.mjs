// Everything that must hold, one step after the other; the last line counts.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./packages.mjs";

const folder = mkdtempSync(join(tmpdir(), "onceover-ci-"));
const countsFile = join(folder, "counts.json");
const NPM = process.env.npm_execpath ?? "npm";
const STEPS = [
  ["types", ["node_modules/typescript/bin/tsc", "--noEmit"]],
  ["types where decorators stand", ["node_modules/typescript/bin/tsc", "-p", "examples/nestjs"]],
  ["lint", ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."]],
  ["build", ["scripts/build.mjs"]],
  ["packages", ["scripts/check.mjs"]],
  ["tests", [NPM, "test"]],
  ["tests in a browser", [NPM, "run", "test:browser"]],
];

const total = { passed: 0, failed: 0, skipped: 0 };

function run([name, [command, ...args]]) {
  console.log(`\n== ${name}`);
  const isScript = /\.m?js$|bin\/(tsc|biome)$/.test(command);
  const { status } = spawnSync(isScript ? process.execPath : command, isScript ? [command, ...args] : args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ONCEOVER_COUNTS: countsFile },
  });
  total[status === 0 ? "passed" : "failed"] += 1;
  addCounts();
}

/** Of what the step has run; tests that never came to their end leave none, and their step has counted as failed. */
function addCounts() {
  if (!existsSync(countsFile)) return;
  const counts = JSON.parse(readFileSync(countsFile, "utf8"));
  rmSync(countsFile);
  for (const name of Object.keys(total)) total[name] += counts[name];
}

for (const step of STEPS) run(step);
rmSync(folder, { recursive: true });
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;
