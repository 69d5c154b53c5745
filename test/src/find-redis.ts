/**
 * Finds a redis-server for the tests: the one on the PATH, else a private copy unpacked from the packages of
 * Debian or Ubuntu. Nothing is installed into the system, so no service is left running and no root is needed.
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, constants, mkdir, readdir, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Where the programs of Redis are, and the environment they need. */
export interface RedisPrograms {
  readonly server: string;
  readonly cli: string;
  readonly env: NodeJS.ProcessEnv;
}

const CACHE = fileURLToPath(new URL("../../.cache/servers", import.meta.url));
const INSTALL = "install redis-server and redis-cli 6.2 or later so that both are on the PATH";

let found: Promise<RedisPrograms> | undefined;

/** Finds redis-server and redis-cli, unpacking a private copy on the first call where none is installed. */
export function findRedis(): Promise<RedisPrograms> {
  found ??= fromPath().then((programs) => programs ?? fromCache());
  return found;
}

async function fromPath(): Promise<RedisPrograms | undefined> {
  const [server, cli] = await Promise.all([which("redis-server"), which("redis-cli")]);
  return server && cli ? { server, cli, env: process.env } : undefined;
}

async function fromCache(): Promise<RedisPrograms> {
  const folder = join(CACHE, `redis-${process.arch}`);
  if (!(await isExecutable(join(folder, "usr/bin/redis-server")))) await unpack(folder);
  return {
    server: join(folder, "usr/bin/redis-server"),
    cli: join(folder, "usr/bin/redis-cli"),
    env: { ...process.env, LD_LIBRARY_PATH: await libraryPath(folder) },
  };
}

/** Several processes may be here at once: each unpacks into a folder of its own and the first rename wins. */
async function unpack(folder: string): Promise<void> {
  if (!((await which("apt-get")) && (await which("dpkg")))) throw new Error(`redis-server was not found: ${INSTALL}`);
  const work = join(CACHE, `unpacking-${randomUUID()}`);
  await mkdir(join(work, "root"), { recursive: true });
  try {
    for (const deb of await download(work)) await run("dpkg", ["-x", join(work, deb), join(work, "root")]);
    await rename(join(work, "root"), folder).catch(async (cause: unknown) => {
      if (!(await isExecutable(join(folder, "usr/bin/redis-server")))) throw cause;
    });
  } catch (cause) {
    throw new Error(`redis-server was not found and could not be unpacked: ${INSTALL}`, { cause });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Downloads redis and whatever of its dependencies this machine lacks; package lists that are missing or stale are read anew, into `work`. */
async function download(work: string): Promise<string[]> {
  try {
    await downloadPackages(work, []);
  } catch {
    const lists = ["-o", `Dir::State::lists=${join(work, "lists")}`, "-o", `Dir::Cache=${join(work, "cache")}`];
    await mkdir(join(work, "lists/partial"), { recursive: true });
    await mkdir(join(work, "cache/archives/partial"), { recursive: true });
    await apt(work, [...lists, "update"]);
    await downloadPackages(work, lists);
  }
  return (await readdir(work)).filter((name) => name.endsWith(".deb"));
}

async function downloadPackages(work: string, options: readonly string[]): Promise<void> {
  const wanted = ["redis-server", "redis-tools"];
  const plan = await apt(work, [...options, "--simulate", "--no-install-recommends", "install", ...wanted]);
  const names = [...plan.matchAll(/^Inst (\S+)/gm)].map((line) => line[1] ?? "");
  await apt(work, [...options, "download", ...names]);
}

/** As root apt would fetch as another user, who may not write to `work`. */
async function apt(work: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run("apt-get", ["-q", "-o", "APT::Sandbox::User=root", ...args], { cwd: work });
  return stdout;
}

async function libraryPath(folder: string): Promise<string> {
  const triples = await readdir(join(folder, "usr/lib")).catch(() => []);
  return triples.map((triple) => join(folder, "usr/lib", triple)).join(delimiter);
}

async function which(program: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, program);
    if (folder !== "" && (await isExecutable(path))) return path;
  }
  return undefined;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
