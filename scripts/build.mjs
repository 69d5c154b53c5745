// Builds every package into its `dist`: ES modules, CommonJS and types.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { packageFolders, root } from "./packages.mjs";

const tsup = createRequire(import.meta.url).resolve("tsup/dist/cli-default.js");

function build(folder) {
  const args = [tsup, "--config", join(root, "tsup.config.ts"), "--tsconfig", join(root, "tsconfig.json")];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`tsup failed in ${folder}`))));
  });
}

const folders = packageFolders();
for (let at = 0; at < folders.length; at += 2) await Promise.all(folders.slice(at, at + 2).map(build));
console.log(`built ${folders.length} packages`);
