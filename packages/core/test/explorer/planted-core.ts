/** The real core with a bug planted in its source text, bundled in memory. */

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import type { createOnceoverOn } from "../../src/onceover.js";

/** One replacement in one file of core's source. The text must be found exactly once. */
export interface Patch {
  /** File name under `packages/core/src`, such as `run.ts`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Changes no behaviour, and saves a fifth of the time: each process of each schedule would make room for a thousand records. */
export const SMALL_CACHE: Patch = {
  file: "cache.ts",
  find: "const MAX_RECORDS = 1000;",
  replace: "const MAX_RECORDS = 8;",
};

const SOURCE = fileURLToPath(new URL("../../src/", import.meta.url));

/**
 * Bundles core with the patches applied.
 * @throws {Error} where a text to be replaced is not found exactly once: core has changed, and the patch must follow.
 */
export async function plantedCore(patches: readonly Patch[]): Promise<typeof createOnceoverOn> {
  const { outputFiles } = await build({
    entryPoints: [`${SOURCE}onceover.ts`],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    logLevel: "silent",
    plugins: [patching(patches)],
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  const module: unknown = await import(
    /* @vite-ignore */ `data:text/javascript;base64,${Buffer.from(code).toString("base64")}`
  );
  return (module as { readonly createOnceoverOn: typeof createOnceoverOn }).createOnceoverOn;
}

function patching(patches: readonly Patch[]): Plugin {
  const unused = new Set(patches);
  return {
    name: "planted",
    setup(bundler) {
      bundler.onLoad({ filter: /packages\/core\/src\/[\w-]+\.ts$/ }, async ({ path }) => {
        const mine = patches.filter(({ file }) => file === basename(path));
        for (const patch of mine) unused.delete(patch);
        return { contents: mine.reduce(applyPatch, await readFile(path, "utf8")), loader: "ts" };
      });
      bundler.onEnd(() => {
        for (const { file } of unused) throw new Error(`core has no file ${file} that could be patched`);
      });
    },
  };
}

function applyPatch(source: string, { file, find, replace }: Patch): string {
  const parts = source.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`${file} holds ${JSON.stringify(find)} ${parts.length - 1} times: the patch must follow the source`);
}
