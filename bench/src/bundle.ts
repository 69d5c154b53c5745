import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** The programs that are measured, as they would be installed. */
export interface Bundle {
  readonly server: string;
  readonly inProcess: string;
  remove(): Promise<void>;
}

/**
 * Builds what is measured from source, by the builder and for the target it is published with. A loader that transforms
 * at import would not do: to keep names it adds a call to every function that is made while a request is served.
 */
export async function bundle(): Promise<Bundle> {
  const cache = join(HERE, "../.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "built-"));
  await build({
    config: false,
    entry: { server: join(HERE, "served/server.ts"), "in-process": join(HERE, "served/in-process.ts") },
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    format: ["esm"],
    target: "es2022",
    platform: "node",
    tsconfig: join(HERE, "../../tsconfig.json"),
    external: ["@hono/node-server", "express", "fastify", "fastify-plugin", "hono", "ioredis"],
    noExternal: [/^@onceover\//, "canonicalize", "lru.min"],
    esbuildOptions(options) {
      options.conditions = ["onceover-src"];
    },
    silent: true,
  });
  return {
    server: join(folder, "server.mjs"),
    inProcess: join(folder, "in-process.mjs"),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
