import type { Platform } from "./platform.js";
import type { Written } from "./store.js";

/** Why the right to run ended. */
export type LeaseLoss = "expired" | "taken-over";

/** The right to run, kept up by renewing. */
export interface Lease {
  /** Looks at the clock: a process that was paused may ask before its timers do. */
  check(): void;
  /** Stops renewing; nothing is told to the store. */
  stop(): void;
}

/** What keeping a lease takes. */
export interface LeaseKeeping {
  readonly platform: Platform;
  readonly leaseMs: number;
  /** When the call that got the lease was sent, on the monotonic clock: it cannot have begun earlier. */
  readonly sentAtMs: number;
  /** One call of the store's `renew`. */
  renew(): Promise<Written | "failed">;
  /** Called at most once. An expired lease goes on being renewed: as long as nobody took over, the run can still be recorded. */
  onLoss(reason: LeaseLoss): void;
}

/** How many times a lease is renewed in its own length, so that two renewals in a row may fail. */
const RENEWALS_PER_LEASE = 4;

/** Renews a lease until it is stopped or taken over. It counts as lost when the monotonic clock says it must have ended. */
export function keepLease({ platform, leaseMs, sentAtMs, renew, onLoss }: LeaseKeeping): Lease {
  let endsAtMs = sentAtMs + leaseMs;
  let lost = false;
  let stopped = false;
  let cancelExpiry = () => {};
  const pauseMs = leaseMs / RENEWALS_PER_LEASE;
  // Counted from the call that got the lease: a slow answer has used up a part of it.
  let cancelRenewal = planRenewal(Math.max(0, sentAtMs + pauseMs - platform.monotonicMs()));
  check();

  function planRenewal(inMs: number): () => void {
    return platform.timer(inMs, () => void renewOnce());
  }

  /** Never rejects: a renewal that failed is tried again at the next turn. */
  async function renewOnce(): Promise<void> {
    const askedAtMs = platform.monotonicMs();
    watchExpiry(askedAtMs);
    // If we die here, the lease runs out and the outcome is unknown.
    const renewed = await renew();
    if (stopped) return;
    if (renewed === "stale") return lose("taken-over");
    if (renewed === "ok") endsAtMs = askedAtMs + leaseMs;
    cancelRenewal = planRenewal(pauseMs);
  }

  /** A process that was paused finds its lease ended before it can ask for another. */
  function watchExpiry(nowMs: number): void {
    cancelExpiry();
    if (lost) return;
    if (nowMs >= endsAtMs) lose("expired");
    else cancelExpiry = platform.timer(endsAtMs - nowMs, () => watchExpiry(platform.monotonicMs()));
  }

  function lose(reason: LeaseLoss): void {
    if (reason === "taken-over") stop();
    if (lost) return;
    lost = true;
    onLoss(reason);
  }

  function stop(): void {
    stopped = true;
    cancelExpiry();
    cancelRenewal();
  }

  function check(): void {
    if (!stopped && platform.monotonicMs() >= endsAtMs) lose("expired");
  }

  return { check, stop };
}
