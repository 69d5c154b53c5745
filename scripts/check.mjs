// What must hold of the packages as they would be published. Run it after the build.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { packageFolders, root } from "./packages.mjs";

const failures = [];

function run(what, args, cwd = root) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8" });
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${what}`);
  if (status !== 0) failures.push(`${what}\n${stdout}${stderr}`);
}

const bin = (path) => join(root, "node_modules", path);

for (const folder of packageFolders()) {
  const name = relative(root, folder);
  run(`publint ${name}`, [bin("publint/src/cli.js"), "--strict", folder]);
  run(`types of ${name} resolve`, [bin("@arethetypeswrong/cli/dist/index.js"), "--pack", folder, "--quiet"]);
}
run("bundle budget", [bin("size-limit/bin.js")]);

/** Some registries' views of a package leave binaries for other platforms out, and the lock file then misses them. */
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
for (const [at, { optionalDependencies = {}, resolved }] of Object.entries(lock.packages)) {
  for (const name of Object.keys(optionalDependencies)) {
    const isLocked = `node_modules/${name}` in lock.packages || `${at}/node_modules/${name}` in lock.packages;
    if (!isLocked) failures.push(`package-lock.json has no entry for ${name}, which ${at} wants`);
  }
  if (resolved?.startsWith("http")) failures.push(`package-lock.json names a registry for ${at}`);
}
console.log(failures.length === 0 ? "packages: all well" : `\n${failures.join("\n\n")}`);
process.exitCode = failures.length === 0 ? 0 : 1;
