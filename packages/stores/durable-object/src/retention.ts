import type { ObjectStorage } from "./object-state.js";
import type { RecordTable } from "./record-table.js";

/**
 * Deletes expired records by the object's alarm. It rings no later than the earliest of them expires; they count as none
 * at once, whenever it rings.
 */
export interface Retention {
  /** A record that expires at `expiresMs` was written. */
  written(expiresMs: number, nowMs: number): void;
  /** The alarm rings: deletes a batch, and sets it again while there are records. */
  sweep(nowMs: number): void;
}

/** Few, because an answer may be a megabyte and nothing else runs in the object meanwhile. */
const BATCH_RECORDS = 200;
/** How long there is between two sweeps at least, in milliseconds: under load there is always a record that has just expired. */
const EVERY_MS = 30_000;
/** After this long the platform has given up an alarm whose handler failed, and it would never ring again, in milliseconds. */
const GIVEN_UP_MS = 3_600_000;

/** Takes up the alarm where it stands. */
export function retentionOf(storage: ObjectStorage, table: RecordTable): Retention {
  // Memory and table agree: where a write fails, the platform throws the object away.
  let alarmMs = table.setting("alarm_ms");

  function ringAt(atMs: number | undefined): void {
    table.setSetting("alarm_ms", atMs ?? null);
    // Not awaited, so that it is one transaction with the writes around it; the reply is held back until that is durable.
    if (atMs !== undefined) void storage.setAlarm(atMs);
    alarmMs = atMs;
  }

  return {
    written(expiresMs, nowMs) {
      const isGivenUp = alarmMs !== undefined && alarmMs < nowMs - GIVEN_UP_MS;
      if (alarmMs === undefined || alarmMs > expiresMs || isGivenUp) ringAt(isGivenUp ? nowMs : expiresMs);
    },
    sweep(nowMs) {
      const isMore = table.removeExpired(nowMs, BATCH_RECORDS) === BATCH_RECORDS;
      const nextMs = table.earliestExpiryMs();
      // Not at the time that what is left has expired at: workerd forgets an alarm that is set to the very time of the one that rings.
      ringAt(nextMs === undefined ? undefined : isMore ? nowMs + 1 : Math.max(nextMs, nowMs + EVERY_MS));
    },
  };
}
