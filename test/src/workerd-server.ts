import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "./child.js";
import { launchOnFreePort } from "./free-port.js";

/** A Worker with Durable Objects in workerd, in a process of the test's own, on 127.0.0.1. */
export interface WorkerdServer {
  readonly port: number;
  readonly url: string;
  /** What its objects have stored is below it. */
  readonly folder: string;
  /** Of the running process; changes with `restart()`. */
  readonly pid: number;
  /** SIGSTOP: connections stay open and nothing is answered. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL; settles when the process is gone. */
  kill(): Promise<void>;
  /** Kills the process if it runs and starts it again on the same port and what its objects have stored. */
  restart(): Promise<void>;
  /** Kills the process and removes its folder. */
  close(): Promise<void>;
}

/** Options of `startWorkerd`. */
export interface WorkerdOptions {
  /** One bundled module: the Worker, and its class `OnceoverRecord`, whose namespace is bound as `RECORDS`. */
  readonly script: string;
  /** Whether the class is backed by SQLite. @default true */
  readonly sql?: boolean;
  /** Texts that are bound under these names, as they are when the process starts. @default none */
  readonly texts?: () => Readonly<Record<string, string>>;
  /** Goes before workerd on its command line, such as `UNDER_FILE_LIMIT`. @default nothing */
  readonly under?: readonly string[];
}

/** workerd is what miniflare runs Workers in, and no dependency of this package by itself. */
const ofMiniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
const READY = /"event":"listen"/;

/** Starts workerd on a free port, its objects' storage on disk. */
export async function startWorkerd(options: WorkerdOptions): Promise<WorkerdServer> {
  const { script, sql = true, texts = () => ({}), under = [] } = options;
  const folder = await mkdtemp(join(tmpdir(), "onceover-workerd-"));
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "worker.js"), script);
  const { default: workerd }: { readonly default: string } = ofMiniflare("workerd");
  const launch = async (port: number) => {
    await writeFile(join(folder, "config.capnp"), configOf(folder, port, sql, texts()));
    const [program = workerd, ...args] = [...under, workerd, "serve", "--control-fd=1", join(folder, "config.capnp")];
    return startChild(program, args, { ready: READY, scratchFolder: folder });
  };
  let { port, child } = await launchOnFreePort(launch, "Address already in use");
  const kill = () => killChild(child);

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    folder,
    get pid() {
      return child.pid;
    },
    pause: () => void process.kill(child.pid, "SIGSTOP"),
    resume: () => void process.kill(child.pid, "SIGCONT"),
    kill,
    async restart() {
      await kill();
      child = await launch(port);
    },
    async close() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configOf(folder: string, port: number, sql: boolean, texts: Readonly<Record<string, string>>): string {
  const bindings = Object.entries(texts).map(
    ([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`,
  );
  return `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "disk", disk = (path = ${JSON.stringify(join(folder, "data"))}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-04-01",
  durableObjectNamespaces = [(className = "OnceoverRecord", uniqueKey = "onceover", enableSql = ${sql})],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [${['(name = "RECORDS", durableObjectNamespace = "OnceoverRecord")', ...bindings].join(", ")}],
);
`;
}

async function killChild(child: Child): Promise<void> {
  try {
    process.kill(child.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
  await child.ended;
}
