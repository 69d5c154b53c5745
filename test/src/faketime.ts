/**
 * Clocks that tests set for programs they start: libfaketime, from the PATH or a private copy, loaded before the C library.
 * The monotonic clock stays as it is, as it does when somebody sets the clock of a machine.
 */
import { randomUUID } from "node:crypto";
import { chmod, copyFile, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findPrograms } from "./find-programs.js";

/** The clock of one or several programs. */
export interface FakeClock {
  /** Goes before the program on its command line. */
  readonly under: readonly string[];
  /** Sets the clock to so many milliseconds after that of the machine, before it where negative; it goes on from there. */
  jumpTo(offsetMs: number): Promise<void>;
  /** Stops the clock at a moment, in epoch milliseconds; a whole second. */
  freezeAt(epochMs: number): Promise<void>;
  remove(): Promise<void>;
}

const LIBRARY = "libfaketimeMT.so.1";

/** Makes a clock that shows the machine's time until it is set. */
export async function fakeClock(): Promise<FakeClock> {
  const folder = await mkdtemp(join(tmpdir(), "onceover-clock-"));
  // Servers may run as a user of their own.
  await chmod(folder, 0o755);
  const library = join(folder, LIBRARY);
  await copyFile(await findLibrary(), library);
  const file = join(folder, "now");
  await set(file, "+0");
  const settings = {
    // With the C library's own allocator: jemalloc asks for the time before the library is able to tell it, and hangs.
    LD_PRELOAD: `${library}:libc.so.6`,
    FAKETIME_TIMESTAMP_FILE: file,
    // Looked at each time, and never shared: several programs have one clock by this file alone.
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    FAKETIME_FMT: "%s",
    NO_FAKE_STAT: "1",
  };
  return {
    under: ["env", ...Object.entries(settings).map(([name, value]) => `${name}=${value}`)],
    jumpTo: (offsetMs) => set(file, `${offsetMs < 0 ? "-" : "+"}${Math.abs(offsetMs) / 1000}`),
    freezeAt: (epochMs) => set(file, String(epochMs / 1000)),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** In one step: a program that looks meanwhile sees one time or the other. */
async function set(file: string, text: string): Promise<void> {
  const draft = `${file}-${randomUUID()}`;
  await writeFile(draft, text, { mode: 0o644 });
  await rename(draft, file);
}

/** The library is not on any path: it lies beside the program that loads it. */
async function findLibrary(): Promise<string> {
  const { paths } = await findPrograms({
    name: "faketime",
    programs: ["faketime"],
    packages: ["faketime", "libfaketime"],
    install: "install faketime 0.9.10 or later so that it is on the PATH",
  });
  const lib = join(dirname(dirname(paths.faketime)), "lib");
  for (const folder of ["", ...(await readdir(lib))]) {
    const found: readonly string[] = await readdir(join(lib, folder, "faketime")).catch(() => []);
    if (found.includes(LIBRARY)) return join(lib, folder, "faketime", LIBRARY);
  }
  throw new Error(`faketime is installed without ${LIBRARY}: install libfaketime`);
}
