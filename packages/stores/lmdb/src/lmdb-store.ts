import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import {
  type ForgottenPage,
  OnceoverError,
  type ScopeDigest,
  type Store,
  type StoreKey,
  type UnknownPage,
  type Verified,
} from "@onceover/core";
import { deadline, unavailable, untilSettled } from "./deadline.js";
import { findingsOf } from "./findings.js";
import { checkClock, checkPath, checkTimeout } from "./options.js";
import { openRecordFile, type Seen } from "./record-file.js";
import { freeBytes, watchRoom } from "./room.js";
import { sweeper } from "./sweeper.js";
import { abandonStep, renewStep } from "./transitions.js";
import { find, scopePage, tryAcquire, tryComplete, tryForget, tryWrite, unknownPage, type VerbParts } from "./verbs.js";

/** Options of `lmdbStore`. */
export interface LmdbStoreOptions {
  /** The path of the file. Missing directories are made; LMDB keeps its lock file beside it, as `<path>-lock`. */
  readonly path: string;
  /**
   * How large the records and answers may grow together, in bytes. New keys are refused from seven eighths of it on;
   * the rest is kept for the answers of runs that are under way. The file itself can be larger, by pages that are free
   * again. Give every process the same.
   * @default 4_294_967_296 (4 GiB)
   */
  readonly maxBytes?: number;
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

/** One look and what follows from it. */
type Attempt<T> = (seen: Seen, isOver: () => boolean) => Promise<T | "again"> | T | "again";

/**
 * Keeps records in one LMDB file: durable, shared by the processes of one machine. A write is answered once it is on the
 * disk. Opening waits for LMDB's writer lock and therefore blocks; make the store at start.
 *
 * Rejections: `store-unavailable` past the deadline, on an I/O error and after `close`; `store-full` for a new key, or an
 * answer that does not fit, in which case the record stays running; `record-unreadable` for a record of another version.
 *
 * @throws TypeError when an option is out of range
 */
export function lmdbStore(options: LmdbStoreOptions): Store {
  const { path, maxBytes = 4 * 1024 ** 3, timeoutMs = 5_000, nowMs = Date.now } = options;
  checkPath(path);
  checkMaxBytes(maxBytes);
  checkTimeout(timeoutMs);
  checkClock(nowMs);

  const directory = dirname(resolve(path));
  mkdirSync(directory, { recursive: true });
  const file = openRecordFile(path);
  const { bound, watch, idle } = deadline(timeoutMs);
  const room = watchRoom({ used: file.usedBytes, free: () => freeBytes(directory) }, maxBytes);
  const sweep = sweeper(file, nowMs);
  const parts: VerbParts = { file, room, nowMs, added: () => watch(sweep()) };
  let closing: Promise<void> | undefined;

  /** Looks, lets `attempt` decide and write, and looks again while somebody else was faster. */
  function call<T>(verb: string, key: StoreKey, attempt: Attempt<T>): Promise<T> {
    if (closing !== undefined) return Promise.reject(unavailable(`${verb} after close()`));
    return bound(verb, (isOver) => untilSettled(verb, isOver, () => attempt(file.look(key), isOver)));
  }

  /** Runs what only reads, and needs no deadline since it waits for nothing. */
  async function look<T>(verb: string, read: () => T): Promise<T> {
    if (closing !== undefined) throw unavailable(`${verb} after close()`);
    try {
      return read();
    } catch (error) {
      throw error instanceof OnceoverError ? error : unavailable(`${verb} failed`, error);
    }
  }

  async function unknowns(cursor = ""): Promise<UnknownPage> {
    checkCursor("unknowns", cursor);
    return look("unknowns", () => unknownPage(parts, cursor));
  }

  async function forgetScope(scope: ScopeDigest, cursor = ""): Promise<ForgottenPage> {
    checkCursor("forgetScope", cursor);
    const { keys, next } = await look("forgetScope", () => scopePage(file, scope, cursor));
    // At once, so that LMDB commits them together.
    const forgotten = await Promise.all(
      keys.map((key) => call("forgetScope", key, (seen) => tryForget(parts, seen, key))),
    );
    return { forgotten: forgotten.filter((was) => was === "ok").length, ...(next !== undefined && { cursor: next }) };
  }

  async function close(): Promise<void> {
    // A file that is closed under a write that waits for the lock would crash the process later; it stays open instead.
    if ((await idle()) === "late")
      throw unavailable(`writes are still under way after ${timeoutMs} ms; it was not closed`);
    await file.close();
  }

  return {
    name: "lmdb",
    acquire: (request) => call("acquire", request.key, (seen, isOver) => tryAcquire(parts, seen, request, isOver)),
    renew: (key, token, leaseMs) =>
      call("renew", key, (seen) => tryWrite(parts, seen, key, renewStep(seen.held(), token, leaseMs, nowMs()))),
    complete: (key, token, record, retentionMs) =>
      call("complete", key, (seen) => tryComplete(parts, seen, key, token, record, retentionMs)),
    abandon: (key, token) =>
      call("abandon", key, (seen) => tryWrite(parts, seen, key, abandonStep(seen.held(), token, nowMs()))),
    read: (key) => look("read", () => find(parts, file.look(key), key)),
    forget: (key) => call("forget", key, (seen) => tryForget(parts, seen, key)),
    forgetScope,
    unknowns,
    verify: () => look<Verified>("verify", () => ({ tier: "T3", findings: findingsOf(directory) })),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function checkCursor(verb: string, cursor: string): void {
  if (typeof cursor === "string") return;
  throw new TypeError(`cursor must be one that ${verb}() gave, got ${String(cursor)}`);
}

function checkMaxBytes(maxBytes: number): void {
  if (Number.isSafeInteger(maxBytes) && maxBytes > 0) return;
  throw new TypeError(`maxBytes must be a positive number of bytes, got ${String(maxBytes)}`);
}
