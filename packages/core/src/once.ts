import { keyPart } from "./scope.js";
import type { StoreKey } from "./store.js";

/** What a handler is given for a request that carries a key. */
export interface Once {
  /** The idempotency key, as the client sent it, without quotes. */
  readonly key: string;
  /** Which run of the key this is: 1 for the first. Above 1 an earlier run was abandoned, died, or lost its lease. */
  readonly attempt: number;
  /** Grows with each run of the key; hand it to a downstream that refuses older fences. 0 where the run has no record (`onStoreDown: "run"`). */
  readonly fence: number;
  /** The revision that is running. */
  readonly revision: string;
  /** Aborted when the lease is lost: another run may begin. Neither a client that hangs up nor the end of the run aborts it. */
  readonly signal: AbortSignal;
  /**
   * A key of the same meaning for a call that the handler makes, the same in every run: give it to a downstream that
   * deduplicates. `step` tells several such calls apart.
   * @throws {TypeError} where `step` is not 1 to 64 letters, digits, `.`, `_` or `-`.
   */
  effectKey(step: string): string;
  /**
   * Says that nothing has happened yet and nothing will: the key is free again and the answer is not recorded.
   * Resolves when the store knows, or is being told in the background.
   * @throws {OnceoverError} `misuse` once the answer was recorded.
   */
  abandon(): Promise<void>;
}

/** The effect key of one step of the run that `key` stands for. The digest in it tells nothing about caller or key. */
export function effectKey(key: StoreKey, step: string): string {
  if (/^[0-9A-Za-z._-]{1,64}$/.test(step)) return `${keyPart(key)}.${step}`;
  throw new TypeError(`step must be 1 to 64 letters, digits, ".", "_" or "-", got ${JSON.stringify(step)}`);
}
