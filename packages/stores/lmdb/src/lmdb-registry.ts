import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { OnceoverError } from "@onceover/core";
import type { RegistryEntry, RevisionRegistry } from "@onceover/core/revisions";
import { deadline, unavailable, untilSettled } from "./deadline.js";
import { checkClock, checkPath, checkTimeout } from "./options.js";
import { agedEntry, isKept, oneMore, type RevisionEntry, tidied, writtenOver } from "./revision-entry.js";
import { openRevisionFile, type SeenRevision } from "./revision-file.js";
import { freeBytes } from "./room.js";

/** Options of `lmdbRegistry`. */
export interface LmdbRegistryOptions {
  /** The path of the file: that of `lmdbStore`, or another. Missing directories are made. */
  readonly path: string;
  /**
   * How long a call may take before it rejects with `store-unavailable`, in milliseconds.
   * @default 5_000
   */
  readonly timeoutMs?: number;
  /**
   * The clock, in epoch milliseconds; the same for every process on the file.
   * @default Date.now
   */
  readonly nowMs?: () => number;
}

/** LMDB meets a full disk badly, so that announcements stop before it, when answers do. */
const MIN_FREE_BYTES = 8 * 1024 * 1024;

/**
 * Lets the revisions on one machine announce themselves to each other, in the file of `lmdbStore` or one of its own. Ages are by
 * the machine's clock and never negative; one that is set forward ends texts early, until they are written again. Opening waits
 * for LMDB's writer lock and therefore blocks; make the registry at start. Calls reject with `store-unavailable` past the deadline,
 * on an I/O error, where the disk is nearly full or an announcement is of another version, and after `close`.
 *
 * @throws TypeError when an option is out of range
 */
export function lmdbRegistry(options: LmdbRegistryOptions): RevisionRegistry {
  const { path, timeoutMs = 5_000, nowMs = Date.now } = options;
  checkPath(path);
  checkTimeout(timeoutMs);
  checkClock(nowMs);

  const directory = dirname(resolve(path));
  mkdirSync(directory, { recursive: true });
  const file = openRevisionFile(path);
  const { bound, watch, idle } = deadline(timeoutMs);
  let closing: Promise<void> | undefined;

  /** Looks, lets `attempt` decide and write, and looks again while somebody else was faster. */
  function call<T>(verb: string, attempt: () => Promise<T | "again"> | T | "again"): Promise<T> {
    if (closing !== undefined) return Promise.reject(unavailable(`${verb} after close()`));
    return bound(verb, (isOver) => untilSettled(verb, isOver, attempt));
  }

  /** Puts what `next` makes of the entry in its place. */
  function put(
    verb: string,
    service: string,
    id: string,
    next: (before: RevisionEntry | undefined, nowMs: number) => RevisionEntry,
  ): Promise<RevisionEntry> {
    return call(verb, async () => {
      if (freeBytes(directory) < MIN_FREE_BYTES) throw unavailable("its disk is nearly full; nothing was written");
      const seen = file.look(service, id);
      const entry = next(readable(seen), nowMs());
      if (!(await file.replace(service, id, seen, entry))) return "again";
      watch(tidy(service));
      return entry;
    });
  }

  /** What fails here leaves entries that count for nothing anyway; the next write meets them again. */
  async function tidy(service: string): Promise<void> {
    const walked = file.walk(service);
    const now = nowMs();
    const changes = walked.map(async (seen) => {
      const change = seen.entry === undefined || seen.entry === "unreadable" ? "keep" : tidied(seen.entry, now);
      if (change === "drop") await file.remove(service, seen.id, seen);
      else if (change !== "keep") await file.replace(service, seen.id, seen, change);
    });
    await Promise.allSettled(changes);
  }

  function list(service: string): readonly RegistryEntry[] {
    const walked = file.walk(service);
    const now = nowMs();
    return walked.flatMap((seen) => {
      const entry = readable(seen);
      return entry !== undefined && isKept(entry, now) ? [agedEntry(seen.id, entry, now)] : [];
    });
  }

  async function close(): Promise<void> {
    // A file that is closed under a write that waits for the lock would crash the process later; it stays open instead.
    if ((await idle()) === "late")
      throw unavailable(`writes are still under way after ${timeoutMs} ms; it was not closed`);
    await file.close();
  }

  return {
    name: "lmdb",
    async write(service, id, text, keepMs) {
      await put("write", service, id, (before, now) => writtenOver(before, text, keepMs, now));
    },
    async count(service, id, keepMs) {
      const counted = (before: RevisionEntry | undefined, now: number) =>
        writtenOver(before, oneMore(before, now), keepMs, now);
      return Number((await put("count", service, id, counted)).text);
    },
    list: (service) => call("list", () => list(service)),
    remove: (service, id) =>
      call("remove", async () => {
        const seen = file.look(service, id);
        if (seen.entry === undefined) return "none";
        if (!(await file.remove(service, id, seen))) return "again";
        return seen.entry === "unreadable" || isKept(seen.entry, nowMs()) ? "ok" : "none";
      }),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** The entry that was seen. One of another version is nobody's to judge, but for `remove`: that is the way out of it. */
function readable({ entry }: SeenRevision): RevisionEntry | undefined {
  if (entry !== "unreadable") return entry;
  const message = "the LMDB file holds an announcement that this version of onceover cannot read; nothing was written";
  throw new OnceoverError("store-unavailable", message);
}
