import { ageOf, type RecordFile } from "./record-file.js";

/** Records looked at per sweep, and new records between two sweeps. */
const WALK_RECORDS = 64;
const EVERY_NEW_RECORDS = 8;

/**
 * Removes records whose retention has ended, a few with every eighth new record: no timer, no full scan, and, since
 * eight are looked at for each that is made, no more than about an eighth of the file is ever waiting to be removed.
 * Several processes may sweep at once: a record is removed only if it is still the one that was looked at.
 */
export function sweeper(file: RecordFile, nowMs: () => number): () => Promise<void> {
  let after = "";
  let created = 0;

  return async function sweep() {
    if (++created % EVERY_NEW_RECORDS !== 0) return;
    const walked = file.walk(after, WALK_RECORDS);
    after = walked.length < WALK_RECORDS ? "" : (walked.at(-1)?.key ?? "");
    const expired = walked.filter((record) => ageOf(record, nowMs()) === "expired");
    // A sweep that fails leaves records that are expired anyway; the next one meets them again.
    await Promise.allSettled(expired.map((record) => file.remove(record.key, record)));
  };
}
