import { createHash } from "node:crypto";
import type { Platform } from "../src/platform.js";
import type { OwnerToken } from "../src/store.js";

/** A runtime whose clock and timers move only when a test says so; hashing is synchronous, tokens are counted. */
export interface FakePlatform extends Platform {
  /** Lets `ms` pass: each timer fires at its own moment, and what it set off comes to rest before the next one. */
  advance(ms: number): Promise<void>;
  /** Lets `ms` pass while the process is paused: no timer fires until the next `advance`. */
  pause(ms: number): void;
  /** How many timers are waiting. */
  pendingTimers(): number;
}

interface Timer {
  readonly dueMs: number;
  readonly then: () => void;
}

const EPOCH_OFFSET_MS = 1_700_000_000_000;

/** A fake platform at 0 ms on the monotonic clock. Time that is written down stands far from it, so that mixing the two shows. */
export function fakePlatform(): FakePlatform {
  const timers = new Set<Timer>();
  let nowMs = 0;
  let tokens = 0;

  function nextDue(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) if (timer.dueMs <= untilMs && (first?.dueMs ?? Infinity) > timer.dueMs) first = timer;
    return first;
  }

  return {
    monotonicMs: () => nowMs,
    epochMs: () => EPOCH_OFFSET_MS + nowMs,
    timer(ms, then) {
      const timer = { dueMs: nowMs + ms, then };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    token: () => `owner-${++tokens}` as OwnerToken,
    sha256: (input) => createHash("sha256").update(input).digest("base64url"),
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settled();
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        timers.delete(timer);
        nowMs = Math.max(nowMs, timer.dueMs);
        timer.then();
        await settled();
      }
      nowMs = Math.max(nowMs, untilMs);
    },
    pause(ms) {
      nowMs += ms;
    },
    pendingTimers: () => timers.size,
  };
}

/** Resolves when every promise that can go on without a timer has done so. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
