/**
 * The file as LMDB has it, and what both kinds of entry in it rest on.
 *
 * Every entry carries a version that is drawn anew with each write. A verb looks, decides, and writes *if the version is
 * still the one it looked at*; LMDB checks that inside the write transaction, on a thread of its own. So the outcome is
 * decided by what is stored, and the writer lock is never held while JavaScript runs: a transaction with a callback
 * would keep every other process waiting for this one's event loop, and for ever while this one is paused.
 *
 * Options of `open` that the promises rest on:
 * - `overlappingSync: false`: a commit is on the disk before any process can see it, so nobody replays an answer that a
 *   power cut could still take back.
 * - `eventTurnBatching: false`: with it, a commit that fails leaves a rejection nobody can handle, which ends the process.
 */
import { randomInt } from "node:crypto";
import { type Database, open, type RootDatabase } from "lmdb";

/** Entries of bytes by text, each with a version. */
export type Entries = Database<Buffer, string>;

const MAX_VERSION = 2 ** 48 - 1;

/** Opens the file, and makes it where there is none. Waits for the writer lock. */
export function openEnvironment(path: string): RootDatabase {
  return open({ path, noSubdir: true, overlappingSync: false, eventTurnBatching: false });
}

/** Opens the entries of one kind. */
export function openEntries(root: RootDatabase, name: string): Entries {
  return root.openDB<Buffer, string>({ name, encoding: "binary", useVersions: true });
}

/** Runs `writes` as one transaction if an entry still has the version that was seen, or is still not there. */
export function onCondition(entries: Entries, key: string, version: number | undefined, writes: () => void) {
  return settled(version === undefined ? entries.ifNoExists(key, writes) : entries.ifVersion(key, version, writes));
}

/** The cause of a failed commit comes as a second promise on the error; unhandled, it would end the process. */
export async function settled(written: Promise<boolean>): Promise<boolean> {
  try {
    return await written;
  } catch (error) {
    if (error instanceof Error && "commitError" in error) {
      throw await Promise.resolve(error.commitError).catch((cause: unknown) => cause);
    }
    throw error;
  }
}

/** Never the same twice for one key, so that an entry that was removed and made anew is not taken for the old one. */
export function newVersion(): number {
  return randomInt(1, MAX_VERSION);
}

/** The version of an entry that was read. */
export function checkedVersion(version: number | undefined): number {
  if (version === undefined) throw new TypeError("lmdb must give the version of an entry, got undefined");
  return version;
}
