// Runs the suites of core, fetch, Hono and memory in every runtime they are promised for, and counts. The runtimes come
// from npm, once, into .cache/runtimes; EdgeVM and workerd are packages of the repository.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./packages.mjs";

/** The one place that says which versions. */
const FETCHED = {
  "node 20": { package: "node@20.20.2" },
  "node 22": { package: "node@22.23.3" },
  "node 24": { package: "node@24.21.0" },
  bun: { package: "bun@1.4.5" },
  deno: { package: "deno@2.9.6", args: ["run", "--allow-all"] },
};
/** Places that have no command of their own: what runs in them is started by a test file. */
const HOSTED = { EdgeVM: "test/edge.test.ts", workerd: "test/runtimes/workerd.test.ts" };

const CACHE = join(root, ".cache", "runtimes");
const VITEST = join(root, "node_modules/vitest/vitest.mjs");
const CONFIG = ["--config", "test/runtimes/vitest.config.ts"];

let child;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    child?.kill(signal);
    process.exitCode = 130;
  });
}

/** The program of a runtime, fetched where it is not there yet. */
function programOf(name, id) {
  const folder = join(CACHE, id);
  const program = join(folder, "node_modules/.bin", name);
  if (existsSync(program)) return program;
  console.log(`fetching ${id} …`);
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, "fetching-"));
  install(work, name, id);
  rmSync(folder, { recursive: true, force: true });
  renameSync(work, folder);
  return program;
}

/** These three packages fetch or link their program in an install script. */
function install(folder, name, id) {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, allowScripts: { [name]: true } }));
  const args = ["install", id, "--ignore-scripts=false", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith("js") ? [process.execPath, [npm]] : ["npm", []];
  const { status } = spawnSync(command, [...first, ...args], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  if (status === 0) return;
  rmSync(folder, { recursive: true, force: true });
  throw new Error(`${id} could not be fetched from npm`);
}

/** Runs vitest there. What it prints is shown where something failed. */
async function suitesIn(place, command, args) {
  const countsFile = join(CACHE, `counts-${process.pid}.json`);
  const output = [];
  child = spawn(command, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ONCEOVER_COUNTS: countsFile, ONCEOVER_RUNTIME: place },
  });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output.push(chunk));
  const status = await new Promise((resolve) => child.on("close", resolve));
  const counts = countsIn(countsFile);
  // A run that broke off, or failed beside its tests, has failed whatever it counted.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  if (counts.failed > 0) process.stdout.write(Buffer.concat(output));
  return counts;
}

function countsIn(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 };
  const counts = JSON.parse(readFileSync(file, "utf8"));
  rmSync(file);
  return counts;
}

function versionOf(program) {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return /\d+\.\d+\.\d+/.exec(stdout ?? "")?.[0] ?? "unknown";
}

function installedVersion(name) {
  return JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version;
}

/** What is to run where: name, version, command, arguments. */
function* places(isWanted) {
  for (const [place, { package: id, args = [] }] of Object.entries(FETCHED)) {
    if (!isWanted(place)) continue;
    const [name = ""] = id.split("@");
    const program = programOf(name, id);
    yield [`${name} ${versionOf(program)}`, place, program, [...args, VITEST, "run", ...CONFIG]];
  }
  const versions = { EdgeVM: installedVersion("@edge-runtime/vm"), workerd: installedVersion("workerd") };
  for (const [place, file] of Object.entries(HOSTED)) {
    if (!isWanted(place)) continue;
    yield [`${place} ${versions[place]}`, place, process.execPath, [VITEST, "run", file]];
  }
}

const wanted = process.argv.slice(2).map((name) => name.toLowerCase());
const isWanted = (place) => wanted.length === 0 || wanted.some((name) => place.toLowerCase().startsWith(name));
const total = { passed: 0, failed: 0, skipped: 0 };
const told = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;

mkdirSync(CACHE, { recursive: true });
for (const [version, place, command, args] of places(isWanted)) {
  if (process.exitCode === 130) break;
  const counts = await suitesIn(place, command, args);
  for (const name of Object.keys(total)) total[name] += counts[name];
  console.log(`${version.padEnd(24)} ${told(counts)}`);
}
console.log(told(total));
process.exitCode ||= total.failed === 0 && total.passed > 0 ? 0 : 1;
