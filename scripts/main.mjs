// The project's commands. Plain JavaScript without dependencies: it runs before anything is installed.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19];

/** Runs TypeScript from source: our own packages resolve to their `src` by this condition. */
const SOURCE = ["--conditions", "onceover-src", "--import", "tsx"];

const COMMANDS = {
  start: (args) => [...SOURCE, "examples/storm/main.ts", ...args],
  test: (args) => ["node_modules/vitest/vitest.mjs", "run", ...args],
  "test:runtimes": (args) => ["scripts/runtimes.mjs", ...args],
  "test:browser": (args) => [
    ...["node_modules/vitest/vitest.mjs", "run", "--config", "test/browser/vitest.config.ts"],
    ...args,
  ],
  soak: (args) => [...SOURCE, "examples/storm/main.ts", "--keys", "20000", ...args],
  "soak:pins": (args) => [...SOURCE, "test/pins-load/main.ts", ...args],
  "soak:restart": (args) => [...SOURCE, "test/rolling-restart/main.ts", ...args],
  chaos: (args) => [...SOURCE, "test/chaos/main.ts", ...args],
  partition: (args) => [...SOURCE, "test/src/partition-main.ts", ...args],
  bench: (args) => ["--no-flush-bytecode", ...SOURCE, "bench/src/main.ts", ...args],
  "bench:forward": (args) => ["--no-flush-bytecode", ...SOURCE, "bench/src/forward/main.ts", ...args],
  "bench:dedupe": (args) => [...SOURCE, "bench/src/dedupe/main.ts", ...args],
  "bench:pins": (args) => ["--no-flush-bytecode", ...SOURCE, "bench/src/pins/main.ts", ...args],
  "bench:drain": (args) => [...SOURCE, "bench/src/drain/main.ts", ...args],
  "bench:drain-cost": (args) => [...SOURCE, "bench/src/drain-cost/main.ts", ...args],
  build: (args) => ["scripts/build.mjs", ...args],
  check: (args) => ["scripts/check.mjs", ...args],
  ci: (args) => ["scripts/ci.mjs", ...args],
};

function refuseOldNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  console.error(`onceover needs Node ${OLDEST_NODE.join(".")} or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

function isInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json");
  return (
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs - 5000
  );
}

/** Nothing we install needs its install script: native parts come as packages of their own. */
function install() {
  if (isInstalled()) return;
  console.error("Installing packages (once) …");
  const npm = process.env.npm_execpath;
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const [command, first] = npm?.endsWith("js") ? [process.execPath, [npm]] : ["npm", []];
  const { status } = spawnSync(command, [...first, ...args], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}

function run(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
  // The terminal sends Ctrl-C to the child as well; whoever signals only us means both.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
}

const [name = "", ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (command === undefined) {
  console.error(`No such command: ${name}. There are: ${Object.keys(COMMANDS).join(", ")}.`);
  process.exit(2);
}
refuseOldNode();
install();
run(command(args));
