/** Makes one script of test files, for places that have no files and no Node. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const HERE = fileURLToPath(new URL(".", import.meta.url));

/** What those places cannot offer: a server, files, the time of the processor, another clock. */
const NEEDS_NODE = /fingerprint-parsers|fuzz-|stream\.test|hono\/test\/drain\.test/;

/** The test files of core, fetch and Hono that need no Node, and the ones that say where they are. */
export function suiteFiles(): string[] {
  const folders = ["packages/core/test", "packages/adapters/fetch/test", "packages/adapters/hono/test"];
  const found = folders.flatMap((folder) => readdirSync(`${ROOT}${folder}`).map((name) => `${folder}/${name}`));
  const neutral = found.filter(
    (file) => file.endsWith(".test.ts") && !/conformance\.test/.test(file) && !NEEDS_NODE.test(file),
  );
  return ["test/runtimes/no-node.check.ts", ...neutral];
}

/** Bundles test files into a script whose `suites.run()` gives their outcomes. */
export function bundleSuites(files: readonly string[]): Promise<string> {
  const suites = files.map((file) => `${JSON.stringify(file)}: () => import(${JSON.stringify(`./${file}`)})`);
  const contents = `
    import { runSuites } from "./test/runtimes/run-suites.ts";
    export const run = () => runSuites({ ${suites.join(",\n")} });
  `;
  const alias = { "@onceover/conformance": `${HERE}suites.ts` };
  return bundle(contents, { alias, format: "iife", globalName: "suites" });
}

/** Bundles a module given as text, that imports from the root of the repository. */
export async function bundle(contents: string, { alias, ...options }: BuildOptions = {}): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT, loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    conditions: ["onceover-src", "worker", "browser"],
    alias: { vitest: `${HERE}vitest-stand-in.ts`, ...alias },
    plugins: [standIns],
    logLevel: "silent",
    ...options,
  });
  return outputFiles?.[0]?.text ?? "";
}

/** Only tests are given what stands in for Node. */
const standIns: Plugin = {
  name: "stand-ins",
  setup(build) {
    const path = `${HERE}stand-ins.ts`;
    build.onResolve({ filter: /^node:crypto$/ }, () => ({ path }));
    build.onLoad({ filter: /\/packages\/.*\/test\/.*\.ts$/ }, ({ path: file }) => ({
      contents: `import { Buffer, setImmediate } from ${JSON.stringify(path)};\n${readFileSync(file, "utf8")}`,
      loader: "ts",
    }));
  },
};
