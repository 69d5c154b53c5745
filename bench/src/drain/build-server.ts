import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** The program of a server, and a folder for what servers write down. */
export interface Built {
  readonly program: string;
  readonly folder: string;
  remove(): Promise<void>;
}

/** Builds the server from source as it would be installed; the packages it is compared with stay as they are. */
export async function buildServer(): Promise<Built> {
  const cache = join(HERE, "../../.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "drain-"));
  await build({
    config: false,
    entry: { server: join(HERE, "served/server.ts") },
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    format: ["esm"],
    target: "es2022",
    platform: "node",
    tsconfig: join(HERE, "../../../tsconfig.json"),
    external: [/^[^./]/],
    noExternal: [/^@onceover\//, "canonicalize", "lru.min"],
    esbuildOptions(options) {
      options.conditions = ["onceover-src"];
    },
    silent: true,
  });
  return {
    program: join(folder, "server.mjs"),
    folder,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
