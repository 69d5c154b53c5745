import { statfsSync } from "node:fs";

/** What is measured, in bytes. */
export interface Gauge {
  /** What records and answers take. */
  used(): number;
  /** What the disk has left. */
  free(): number;
}

/** How much room there is, as last measured, and what was written since. */
export interface Room {
  /** Whether a new key may be acquired. The last eighth of `maxBytes` is kept for the answers of runs under way. */
  forNewKey(): boolean;
  /** Whether an answer of `bytes` fits. */
  forAnswer(bytes: number): boolean;
}

/** Roughly what LMDB spends on a record beside its answer. */
const RECORD_BYTES = 512;
/** Measured again when this share of `maxBytes` may have been written, or this many records: other processes write too. */
const MEASURE_SHARE = 64;
const MEASURE_WRITES = 64;
/** LMDB meets a full disk badly (a failed commit may end the process), so new keys stop well before it. */
const MIN_FREE_BYTES = 64 * 1024 * 1024;

/** What the disk of a directory has left for this user. */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

/** Watches the size of the file and the free space of its disk; a measurement costs some 10 µs, so it is not taken for every write. */
export function watchRoom(gauge: Gauge, maxBytes: number): Room {
  const acquireBytes = maxBytes - Math.floor(maxBytes / 8);
  let used = 0;
  let free = 0;
  let writtenSince = Number.POSITIVE_INFINITY;
  let writesSince = 0;

  function measure(): void {
    used = gauge.used();
    free = gauge.free();
    writtenSince = 0;
    writesSince = 0;
  }

  /** Counts a write of `bytes` that may happen and says whether it stays under both limits. */
  function fits(bytes: number, limit: number, minFree: number): boolean {
    const within = () => used + writtenSince + bytes <= limit && free - writtenSince - bytes >= minFree;
    if (writtenSince > maxBytes / MEASURE_SHARE || ++writesSince >= MEASURE_WRITES) measure();
    if (!within()) measure();
    if (!within()) return false;
    writtenSince += bytes;
    return true;
  }

  return {
    forNewKey: () => fits(RECORD_BYTES, acquireBytes, MIN_FREE_BYTES),
    forAnswer: (bytes) => fits(RECORD_BYTES + bytes, maxBytes, MIN_FREE_BYTES / 8),
  };
}
