import { readFileSync } from "node:fs";
import { defineConfig } from "tsup";

/** What the package offers when it is published; a door that opens to source only is built into others. */
const { name, exports } = JSON.parse(readFileSync("package.json", "utf8"));
const doors = Object.values<{ "onceover-src": string; import?: object }>(exports).filter((door) => door.import);

/** One configuration for all packages; each is built from its own folder. */
export default defineConfig({
  entry: doors.map((door) => door["onceover-src"]),
  format: ["esm", "cjs"],
  dts: { compilerOptions: { composite: false } },
  target: "es2022",
  platform: "neutral",
  // Not to be had by require(): its package exports ES modules only.
  noExternal: ["canonicalize"],
  // One door of a package may go through another: what is behind it, such as the class of errors, is there once.
  external: [/^node:/, /^cloudflare:/, name],
  // Of a package of ours that is no dependency, the source becomes part of the bundle; all others stay imports.
  esbuildOptions(options) {
    options.conditions = ["onceover-src", "module"];
  },
  clean: true,
  sourcemap: true,
  silent: true,
});
