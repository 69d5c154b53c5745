import { defineConfig } from "tsup";

/** One configuration for all packages; each is built from its own folder. */
export default defineConfig({
  entry: ["src/index.ts"],
  format: ["esm", "cjs"],
  dts: { compilerOptions: { composite: false } },
  target: "es2022",
  platform: "neutral",
  // Not to be had by require(): its package exports ES modules only.
  noExternal: ["canonicalize"],
  external: [/^node:/],
  // Of a package of ours that is no dependency, the source becomes part of the bundle; all others stay imports.
  esbuildOptions(options) {
    options.conditions = ["onceover-src", "module"];
  },
  clean: true,
  sourcemap: true,
  silent: true,
});
