import { OnceoverError } from "@onceover/core";

/**
 * What an error of Redis means to whoever called. `cause` is kept and shown to operators: it must hold no byte of a key,
 * a token or a record. Redis has no error codes but the words in its messages, and a script's error may have its own
 * words in front.
 */
export function failureOf(cause: Error): OnceoverError {
  if (/\bOOM\b/.test(cause.message)) {
    return new OnceoverError("store-full", "Redis has reached maxmemory; nothing was written", { cause });
  }
  // Said of a script's first write, and every script has but one.
  if (/\bMISCONF\b/.test(cause.message)) {
    return new OnceoverError("store-full", "Redis cannot write to its disk, and takes nothing new", { cause });
  }
  if (/\bWRONGTYPE\b/.test(cause.message)) return unreadable(cause);
  return new OnceoverError("store-unavailable", `Redis failed: ${cause.message}`, { cause });
}

/** The same failure where nothing but `store-unavailable` is promised: what cannot be read or written is as good as out of reach. */
export function asUnavailable(failed: OnceoverError): OnceoverError {
  const { code, cause } = failed;
  if (code === "store-unavailable" || !(cause instanceof Error)) return failed;
  return new OnceoverError("store-unavailable", `Redis failed: ${cause.message}`, { cause });
}

/** A record exists that these scripts cannot read; none of them touched it. */
export function unreadable(cause?: unknown): OnceoverError {
  const message = "Redis holds a record that this version of onceover cannot read; nothing was written";
  return new OnceoverError("record-unreadable", message, cause === undefined ? {} : { cause });
}

/** The deadline passed. What was asked may or may not have happened. */
export function late(): OnceoverError {
  return new OnceoverError("store-unavailable", "Redis did not answer within timeoutMs");
}

/** The client gave something else than it was asked for. */
export function notBytes(reply: unknown): OnceoverError {
  return new OnceoverError("store-unavailable", `Redis answered with ${typeof reply} where bytes were expected`);
}
