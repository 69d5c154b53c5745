import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
/** Within the repository, so that what is not bundled is found. */
const CACHE = join(HERE, "../../.cache");

/** The worker as one file of plain JavaScript: it is started every second or so, and a third of a second is enough for that. */
export async function bundleWorker(): Promise<{ readonly file: string; remove(): Promise<void> }> {
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "chaos-"));
  const file = join(folder, "worker.mjs");
  await build({
    entryPoints: [join(HERE, "worker.ts")],
    outfile: file,
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["onceover-src"],
    external: ["@upstash/redis", "express", "ioredis", "lmdb", "pg"],
    // What is CommonJS and bundled asks for `require`.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "error",
  });
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}
