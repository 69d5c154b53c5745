import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { NODE_FLAGS } from "../contender.js";
import type { Told } from "./server.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** A program that was built. */
export interface Built {
  readonly path: string;
  remove(): Promise<void>;
}

/** Builds the servers from source as they would be installed; undici stays a package of its own. */
export async function buildServer(): Promise<Built> {
  const cache = join(HERE, "../../.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "forward-"));
  await build({
    config: false,
    entry: { server: join(HERE, "server.ts") },
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    format: ["esm"],
    target: "es2022",
    platform: "node",
    tsconfig: join(HERE, "../../../tsconfig.json"),
    external: ["undici"],
    noExternal: [/^@onceover\//, "canonicalize", "lru.min"],
    esbuildOptions(options) {
      options.conditions = ["onceover-src"];
    },
    silent: true,
  });
  return { path: join(folder, "server.mjs"), remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A server in a process of its own. */
export interface ServerProcess {
  readonly url: string;
  /** Its processor time since it was asked the last time, in microseconds. */
  spentUs(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts the target, or a contender in front of `address`. */
export async function startServer({ path }: Built, name: string, address = ""): Promise<ServerProcess> {
  const child = fork(path, [name, address], { execArgv: NODE_FLAGS });
  const listening = await hear(child);
  if (listening.told !== "listening") throw new Error(`the server ${name} spoke before it listened`);
  return {
    url: listening.url,
    async spentUs() {
      child.send("spent");
      const told = await hear(child);
      return told.told === "spent" ? told.cpuUs : Number.NaN;
    },
    async stop() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

function hear(child: ChildProcess): Promise<Told> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error("a server ended while the bench waited for it"));
    child.once("exit", gone);
    child.once("message", (told: Told) => {
      child.off("exit", gone);
      resolve(told);
    });
  });
}
