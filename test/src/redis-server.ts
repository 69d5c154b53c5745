import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Child, startChild } from "./child.js";
import { findRedis } from "./find-redis.js";
import { launchOnFreePort } from "./free-port.js";

const run = promisify(execFile);

/** A Redis of the test's own on 127.0.0.1. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Of the running process; changes with `restart()`. */
  readonly pid: number;
  /** SIGSTOP: connections stay open and nothing is answered. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL; settles when the process is gone. */
  kill(): Promise<void>;
  /** Kills the process if it runs and starts it again on the same port and folder. */
  restart(): Promise<void>;
  /** Kills the process and removes its folder. */
  stop(): Promise<void>;
  /** Runs redis-cli against this server and answers what it prints, trimmed. */
  cli(...args: string[]): Promise<string>;
}

/** Options of `startRedis`. */
export interface RedisServerOptions {
  /** Appended to the command line, such as `["--maxmemory", "4mb"]`. */
  readonly args?: readonly string[];
  /** @default a free port */
  readonly port?: number;
  /** What the server is run by, such as `["env", "NAME=value"]`: it has to become the server. @default nothing */
  readonly under?: readonly string[];
}

const DEFAULTS = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
const READY = /Ready to accept connections/;

/** Starts a Redis on 127.0.0.1 without persistence (unless `args` say otherwise) and settles when it accepts connections. */
export async function startRedis({ args = [], port, under = [] }: RedisServerOptions = {}): Promise<RedisServer> {
  return startServer({ args: [...DEFAULTS, ...args], ready: READY, under, ...(port !== undefined && { port }) });
}

/** Starts redis-server with exactly these arguments after the port and folder; a port that is taken meanwhile is replaced. */
export async function startServer(options: {
  /** A configuration file, given first. */
  readonly file?: string;
  readonly args: readonly string[];
  readonly ready: RegExp;
  readonly port?: number;
  readonly under?: readonly string[];
}): Promise<RedisServer> {
  const { server, cli, env } = await findRedis();
  const folder = await mkdtemp(join(tmpdir(), "onceover-redis-"));
  const launch = (port: number) => {
    const args = [...(options.file ? [options.file] : []), "--port", String(port), "--dir", folder, ...options.args];
    const [program = server, ...rest] = [...(options.under ?? []), server, ...args];
    return startChild(program, rest, { env, ready: options.ready, scratchFolder: folder });
  };
  let { port, child } =
    options.port === undefined
      ? await launchOnFreePort(launch, "Address already in use")
      : { port: options.port, child: await launch(options.port) };
  const kill = () => killChild(child);

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
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
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
    async cli(...args) {
      return (await run(cli, ["-p", String(port), ...args], { env })).stdout.trim();
    },
  };
}

async function killChild(child: Child): Promise<void> {
  try {
    process.kill(child.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
  await child.ended;
}
