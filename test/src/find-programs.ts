/**
 * Finds servers for the tests: those on the PATH, else a private copy unpacked from the packages of Debian or Ubuntu.
 * Nothing is installed into the system, so no service is left running and no root is needed.
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, constants, mkdir, readdir, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Programs that belong together, and where they come from. */
export interface Wanted<Name extends string> {
  /** Names the private copy. */
  readonly name: string;
  readonly programs: readonly Name[];
  /** Packages of Debian that hold them. */
  readonly packages: readonly string[];
  /** Said where they cannot be had: what to do, in one line. */
  readonly install: string;
}

/** Where programs are, and the environment they need. */
export interface Programs<Name extends string> {
  readonly paths: Readonly<Record<Name, string>>;
  readonly env: NodeJS.ProcessEnv;
}

const CACHE = fileURLToPath(new URL("../../.cache/servers", import.meta.url));
/** Servers are often where the PATH of root alone leads. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/usr/local/sbin"];

/** Finds programs, unpacking a private copy where they are not installed. Rejects with `install` where that cannot be. */
export async function findPrograms<Name extends string>(wanted: Wanted<Name>): Promise<Programs<Name>> {
  const folders = [...(process.env.PATH ?? "").split(delimiter).filter(Boolean), ...SYSTEM_FOLDERS];
  const paths = await allIn(folders, wanted.programs);
  return paths === undefined ? fromCache(wanted) : { paths, env: process.env };
}

async function fromCache<Name extends string>(wanted: Wanted<Name>): Promise<Programs<Name>> {
  const folder = join(CACHE, `${wanted.name}-${process.arch}`);
  const find = () => allIn([join(folder, "usr/bin"), join(folder, "usr/sbin")], wanted.programs);
  const isThere = async () => (await find()) !== undefined;
  if (!(await isThere())) await unpack(wanted, folder, isThere);
  const paths = await find();
  if (paths === undefined) throw new Error(`the packages do not hold ${wanted.name}: ${wanted.install}`);
  return { paths, env: { ...process.env, LD_LIBRARY_PATH: await libraryPath(folder) } };
}

/** Several processes may be here at once: each unpacks into a folder of its own and the first rename wins. */
async function unpack(wanted: Wanted<string>, folder: string, isThere: () => Promise<boolean>): Promise<void> {
  const { name, packages, install } = wanted;
  if (!((await which("apt-get")) && (await which("dpkg")))) throw new Error(`${name} was not found: ${install}`);
  const work = join(CACHE, `unpacking-${randomUUID()}`);
  await mkdir(join(work, "root"), { recursive: true });
  try {
    for (const deb of await download(work, packages)) await run("dpkg", ["-x", join(work, deb), join(work, "root")]);
    await rename(join(work, "root"), folder).catch(async (cause: unknown) => {
      if (!(await isThere())) throw cause;
    });
  } catch (cause) {
    throw new Error(`${name} was not found and could not be unpacked: ${install}`, { cause });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Downloads packages and whatever of their dependencies this machine lacks; package lists that are missing or stale are read anew, into `work`. */
async function download(work: string, packages: readonly string[]): Promise<string[]> {
  try {
    await downloadPackages(work, packages, []);
  } catch {
    const lists = ["-o", `Dir::State::lists=${join(work, "lists")}`, "-o", `Dir::Cache=${join(work, "cache")}`];
    await mkdir(join(work, "lists/partial"), { recursive: true });
    await mkdir(join(work, "cache/archives/partial"), { recursive: true });
    await apt(work, [...lists, "update"]);
    await downloadPackages(work, packages, lists);
  }
  return (await readdir(work)).filter((name) => name.endsWith(".deb"));
}

async function downloadPackages(work: string, packages: readonly string[], options: readonly string[]): Promise<void> {
  const plan = await apt(work, [...options, "--simulate", "--no-install-recommends", "install", ...packages]);
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
  const merged = triples.flatMap((triple) => [join(folder, "usr/lib", triple), join(folder, "lib", triple)]);
  return merged.join(delimiter);
}

/** The paths of all programs, or nothing where one of them is in none of the folders. */
async function allIn<Name extends string>(
  folders: readonly string[],
  programs: readonly Name[],
): Promise<Readonly<Record<Name, string>> | undefined> {
  const found = await Promise.all(programs.map(async (program) => [program, await oneIn(folders, program)] as const));
  if (found.some(([, path]) => path === undefined)) return undefined;
  return Object.fromEntries(found) as Record<Name, string>;
}

async function oneIn(folders: readonly string[], program: string): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, program);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

function which(program: string): Promise<string | undefined> {
  return oneIn((process.env.PATH ?? "").split(delimiter).filter(Boolean), program);
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
