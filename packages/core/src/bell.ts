import type { Platform } from "./platform.js";

/**
 * Wakes those who wait. Each waits by a promise and a timer of its own: on some platforms a promise dies with the request
 * that made it, and with a shared one everybody would.
 */
export interface Bell {
  /** Wakes all who wait now; what they are to know stands elsewhere. */
  ring(): void;
  /** Resolves when the bell rings, or after `ms`. */
  rung(ms: number): Promise<void>;
}

/** A silent bell. */
export function createBell(platform: Platform): Bell {
  const waiting = new Set<() => void>();
  return {
    ring() {
      for (const wake of waiting) wake();
    },
    rung: (ms) =>
      new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          cancel();
          resolve();
        };
        const cancel = platform.timer(Math.max(0, ms), wake);
        waiting.add(wake);
      }),
  };
}
