/** Signed revision pins: who holds one was given it by this service, and it says which revision its later requests meet. */

import type { MaybePromise } from "../platform.js";

/** What a revision pin says. */
export interface PinClaims {
  /** `pin`: of a session or stream. `override`: steers whatever request carries it, before any other pin. */
  readonly kind: "pin" | "override";
  /** The revision that is promised; 1 to 255 characters. */
  readonly revision: string;
  /** The revision's epoch when the pin was made: a whole number, raised by each rollback. */
  readonly epoch: number;
  /** Until when it holds, in epoch milliseconds. */
  readonly expiresAtMs: number;
}

/** What a token turned out to be. */
export type PinVerified =
  | { readonly outcome: "pin"; readonly claims: PinClaims }
  | {
      readonly outcome: "refused";
      /** `audience`: signed by one of our keys, for another service. */
      readonly why: "malformed" | "unknown-key" | "forged" | "audience" | "expired";
    };

/** A ring of keys that signs and verifies revision pins. */
export interface PinKeys {
  /** Makes a token: at most 1,024 characters that need no quoting in a header, a cookie or a query. */
  sign(claims: PinClaims): Promise<string>;
  /** Judges a token, in constant time where a signature is compared. Never rejects, whatever it is given. */
  verify(token: string, nowMs: number): MaybePromise<PinVerified>;
}
