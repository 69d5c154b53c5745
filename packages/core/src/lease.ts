import type { Platform } from "./platform.js";
import type { Written } from "./store.js";

/** Why the right to run ended. `interrupted`: the process is about to end, and renews it no more. */
export type LeaseLoss = "expired" | "taken-over" | "interrupted";

/** Whose lease it is. */
export interface LeaseHolder {
  /** One call of the store's `renew`. */
  renew(): Promise<Written | "failed">;
  /** Called at most once. An expired lease goes on being renewed: as long as nobody took over, the run can still be recorded. */
  loseLease(reason: LeaseLoss): void;
}

/** How many times a lease is renewed in its own length, so that two renewals in a row may fail. */
const RENEWALS_PER_LEASE = 4;

/** The right to run, kept up by renewing until it is stopped or taken over. It counts as lost when the monotonic clock says it must have ended. */
export class Lease {
  readonly #platform: Platform;
  readonly #leaseMs: number;
  readonly #holder: LeaseHolder;
  #endsAtMs: number;
  #isLost = false;
  #isStopped = false;
  #cancelExpiry: (() => void) | undefined;
  #cancelRenewal: (() => void) | undefined;

  /** `sentAtMs` is when the call that got the lease was sent, on the monotonic clock: it cannot have begun earlier. */
  constructor(platform: Platform, leaseMs: number, sentAtMs: number, holder: LeaseHolder) {
    this.#platform = platform;
    this.#leaseMs = leaseMs;
    this.#holder = holder;
    this.#endsAtMs = sentAtMs + leaseMs;
    // Counted from the call that got the lease: a slow answer has used up a part of it.
    this.#planRenewal(Math.max(0, sentAtMs + leaseMs / RENEWALS_PER_LEASE - platform.monotonicMs()));
    this.check();
  }

  /** Looks at the clock: a process that was paused may ask before its timers do. */
  check(): void {
    if (!this.#isStopped && this.#platform.monotonicMs() >= this.#endsAtMs) this.lose("expired");
  }

  /** Stops renewing; nothing is told to the store. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelExpiry?.();
    this.#cancelRenewal?.();
  }

  #planRenewal(inMs: number): void {
    this.#cancelRenewal = this.#platform.timer(inMs, () => void this.#renewOnce());
  }

  /** Never rejects: a renewal that failed is tried again at the next turn. */
  async #renewOnce(): Promise<void> {
    const askedAtMs = this.#platform.monotonicMs();
    this.#watchExpiry(askedAtMs);
    // If we die here, the lease runs out and the outcome is unknown.
    const renewed = await this.#holder.renew();
    if (this.#isStopped) return;
    if (renewed === "stale") return this.lose("taken-over");
    if (renewed === "ok") this.#endsAtMs = askedAtMs + this.#leaseMs;
    this.#planRenewal(this.#leaseMs / RENEWALS_PER_LEASE);
  }

  /** A process that was paused finds its lease ended before it can ask for another. */
  #watchExpiry(nowMs: number): void {
    this.#cancelExpiry?.();
    if (this.#isLost) return;
    if (nowMs >= this.#endsAtMs) return this.lose("expired");
    const look = () => this.#watchExpiry(this.#platform.monotonicMs());
    this.#cancelExpiry = this.#platform.timer(this.#endsAtMs - nowMs, look);
  }

  /** An expired lease goes on being renewed: it may not have been taken over. */
  lose(reason: LeaseLoss): void {
    if (reason !== "expired") this.stop();
    if (this.#isLost) return;
    this.#isLost = true;
    this.#holder.loseLease(reason);
  }
}
