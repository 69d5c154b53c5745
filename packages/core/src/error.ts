/** Why a store call or the library failed, for programs. */
export type ErrorCode =
  /** The store did not answer in time, or answered with an error. What was asked may or may not have happened. */
  | "store-unavailable"
  /** The store has no room for a new record. Nothing was written. */
  | "store-full"
  /** A record exists that this version cannot read. Nothing was written. */
  | "record-unreadable"
  /** A transaction came to nothing: neither its effects nor its record were written, nor will they be. */
  | "rolled-back"
  /** `verify()` found a setting that breaks the store's promise. */
  | "store-unfit"
  /** The reason of `once.signal`: the right to run ended while the handler was running. */
  | "lease-lost"
  /** A verb was used in a state that forbids it, such as `once.abandon()` after the answer was recorded. */
  | "misuse";

/** What onceover throws when a promise cannot be kept. Branch on `code`, never on the message. */
export class OnceoverError extends Error {
  override readonly name = "OnceoverError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The code of an error, whoever's class it is of: a store built for `require` may have loaded another copy of this one. */
export function codeOf(error: unknown): unknown {
  return Object(error).code;
}
