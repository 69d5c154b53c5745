import { effectKey, type Once } from "./once.js";
import type { StoreKey } from "./store.js";

/** What `once` says of the claim its run stands on. */
interface ClaimSaid {
  readonly key: StoreKey;
  readonly idempotencyKey: string;
  readonly attempt: number;
  readonly fence: number;
}

/** The `once` of a run. */
export function onceOf(claim: ClaimSaid, revision: string, abandon: Once["abandon"], signal: () => AbortSignal): Once {
  return new OnceOfRun(claim, revision, abandon, signal);
}

/**
 * A class for the sake of its getter: an object literal with one gets a shape of its own each time, which keeps the whole run
 * in memory until the next full garbage collection.
 */
class OnceOfRun implements Once {
  readonly key: string;
  readonly attempt: number;
  readonly fence: number;
  readonly revision: string;
  readonly abandon: Once["abandon"];
  readonly effectKey: Once["effectKey"];
  readonly #signal: () => AbortSignal;

  constructor(claim: ClaimSaid, revision: string, abandon: Once["abandon"], signal: () => AbortSignal) {
    this.key = claim.idempotencyKey;
    this.attempt = claim.attempt;
    this.fence = claim.fence;
    this.revision = revision;
    this.abandon = abandon;
    this.effectKey = (step) => effectKey(claim.key, step);
    this.#signal = signal;
  }

  get signal(): AbortSignal {
    return this.#signal();
  }
}
