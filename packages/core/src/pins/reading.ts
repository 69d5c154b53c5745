/** A value that is read from elsewhere, kept for a while, and read anew before it is too old. */

import { createBell } from "../bell.js";
import type { MaybePromise, Platform } from "../platform.js";

/** What a reading came to. */
export type Read<T> =
  | { readonly outcome: "read"; readonly value: T }
  | { readonly outcome: "unreadable"; readonly error: unknown };

/** Keeps what a reader says. */
export interface Reading<T> {
  /**
   * The value, if it is fresh enough, and begins to read anew where it soon will not be; otherwise waits for one. Never rejects.
   * @param maxAgeMs for one who needs it fresher than the others do.
   */
  get(maxAgeMs?: number): MaybePromise<Read<T>>;
  /** What was read, as long as that counts; else what the last reading came to, however long ago that was. */
  readonly latest: Read<T> | undefined;
  /** Reads anew. Never rejects. */
  refresh(): Promise<Read<T>>;
}

/** When a value is read anew, and for how long it counts. */
export interface ReadingTimes {
  /** How old a value may be before it is read anew beside the requests; 0 reads it for each of them. In milliseconds. */
  readonly refreshMs: number;
  /** How old a value may be and still be used. In milliseconds. */
  readonly maxAgeMs: number;
  /** How long one reading may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** After a reading that failed, this long nobody waits for another one, in milliseconds. */
const PAUSE_MS = 1000;

/**
 * Reads when it is asked to, once for all who ask meanwhile. They share what was found, and no promise: on some platforms one
 * that reads dies with the request that began it, and then somebody else begins.
 */
export function createReading<T>(
  platform: Platform,
  read: () => MaybePromise<T>,
  { refreshMs, maxAgeMs, timeoutMs }: ReadingTimes,
  told: (found: Read<T>) => void,
): Reading<T> {
  const bell = createBell(platform);
  let kept: { readonly found: Extract<Read<T>, { outcome: "read" }>; readonly atMs: number } | undefined;
  let failed: { readonly found: Read<T>; readonly atMs: number } | undefined;
  let begunAtMs: number | undefined;

  async function refresh(): Promise<Read<T>> {
    const atMs = platform.monotonicMs();
    begunAtMs = atMs;
    const found = await settled(platform, read, timeoutMs);
    if (begunAtMs === atMs) begunAtMs = undefined;
    // One that began later and was faster knows more.
    if (kept === undefined || kept.atMs <= atMs) {
      if (found.outcome === "unreadable") failed = { found, atMs: platform.monotonicMs() };
      else {
        kept = { found, atMs };
        failed = undefined;
      }
    }
    told(found);
    bell.ring();
    return found;
  }

  function isBeingRead(nowMs: number): boolean {
    return begunAtMs !== undefined && nowMs - begunAtMs < timeoutMs;
  }

  function isPaused(nowMs: number): boolean {
    return failed !== undefined && nowMs - failed.atMs < Math.min(PAUSE_MS, Math.max(refreshMs, 1));
  }

  async function wait(oldestMs: number): Promise<Read<T>> {
    for (;;) {
      const nowMs = platform.monotonicMs();
      if (kept !== undefined && nowMs - kept.atMs < oldestMs) return kept.found;
      if (failed !== undefined && isPaused(nowMs)) return failed.found;
      if (refreshMs === 0 || !isBeingRead(nowMs)) return refresh();
      await bell.rung(timeoutMs - (nowMs - (begunAtMs ?? nowMs)));
    }
  }

  return {
    get(oldestMs = maxAgeMs) {
      if (kept === undefined) return wait(oldestMs);
      const nowMs = platform.monotonicMs();
      const ageMs = nowMs - kept.atMs;
      if (ageMs >= oldestMs) return wait(oldestMs);
      // Nobody waits for it, and it never rejects.
      if (ageMs >= refreshMs && !isBeingRead(nowMs) && !isPaused(nowMs)) void refresh();
      return kept.found;
    },
    get latest() {
      if (kept !== undefined && platform.monotonicMs() - kept.atMs < maxAgeMs) return kept.found;
      return failed?.found ?? kept?.found;
    },
    refresh,
  };
}

async function settled<T>(platform: Platform, read: () => MaybePromise<T>, timeoutMs: number): Promise<Read<T>> {
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = platform.timer(timeoutMs, () => reject(new Error(`nothing was read within ${timeoutMs} ms`)));
  });
  try {
    return { outcome: "read", value: await Promise.race([read(), late]) };
  } catch (error) {
    return { outcome: "unreadable", error };
  } finally {
    cancel();
  }
}
