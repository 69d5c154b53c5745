import { effectKey, type Once } from "./once.js";
import type { StoreKey } from "./store.js";

/** What `once` says of the claim its run stands on. */
interface ClaimSaid {
  readonly key: StoreKey;
  readonly idempotencyKey: string;
  readonly attempt: number;
  readonly fence: number;
}

/** The run that stands behind its `once`; `tx` throws where there is no transaction. */
export interface OnceBehind extends Pick<Once, "abandon" | "signal"> {
  readonly tx: unknown;
}

/** The `once` of a run. */
export function onceOf(claim: ClaimSaid, revision: string, run: OnceBehind): Once {
  // Handlers take these two off: they must do without their object.
  const abandon = () => run.abandon();
  const keyOf = (step: string) => effectKey(claim.key, step);
  return new OnceOfRun(claim, revision, run, abandon, keyOf);
}

/**
 * A class for the sake of its getter: an object literal with one gets a shape of its own each time, which keeps the whole run
 * in memory until the next full garbage collection. So does a function that its constructor makes.
 */
class OnceOfRun implements Once {
  readonly key: string;
  readonly attempt: number;
  readonly fence: number;
  readonly revision: string;
  readonly abandon: Once["abandon"];
  readonly effectKey: Once["effectKey"];
  readonly #run: OnceBehind;

  constructor(claim: ClaimSaid, revision: string, run: OnceBehind, abandon: Once["abandon"], keyOf: Once["effectKey"]) {
    this.key = claim.idempotencyKey;
    this.attempt = claim.attempt;
    this.fence = claim.fence;
    this.revision = revision;
    this.abandon = abandon;
    this.effectKey = keyOf;
    this.#run = run;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  /** Its type is told by the store's package, to those who use one with transactions. */
  get tx(): never {
    return this.#run.tx as never;
  }
}
