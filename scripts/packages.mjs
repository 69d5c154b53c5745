import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The folders of all published packages, each after those it is built upon. */
export function packageFolders() {
  return ["packages", "packages/adapters", "packages/stores"]
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
    .filter((folder) => manifestOf(folder) !== undefined)
    .sort((a, b) => rank(a) - rank(b));
}

export function manifestOf(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
}

function rank(folder) {
  return ["core", "conformance", "node", "fetch"].indexOf(folder.split(/[\\/]/).at(-1)) + 1 || 9;
}
