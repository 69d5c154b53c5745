import { OnceoverError } from "@onceover/core";

/**
 * Turns what a client rejected with into an error of ours. The cause is a copy of its words: errors of Redis carry the
 * whole command, so that keys, tokens and recorded answers would end up wherever errors are logged.
 */
export function storeError(error: unknown, secrets: readonly (string | Buffer)[] = []): OnceoverError {
  if (error instanceof OnceoverError) return error;
  const cause = redacted(error, secrets);
  // Redis has no error codes but the words in its messages, and a script's error may have its own words in front.
  if (/\bOOM\b/.test(cause.message)) {
    return new OnceoverError("store-full", "Redis has reached maxmemory; nothing was written", { cause });
  }
  if (/\bWRONGTYPE\b/.test(cause.message)) return unreadable(cause);
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

function redacted(error: unknown, secrets: readonly (string | Buffer)[]): Error {
  if (!(error instanceof Error)) return new Error("the client rejected with something that is no error");
  // "unknown command" quotes its arguments.
  const words = error.message.replace(/,? with args beginning with:.*/s, "");
  const long = secrets.filter((secret) => typeof secret === "string" && secret.length > 8) as string[];
  const copy = new Error(long.reduce((text, secret) => text.replaceAll(secret, "…"), words));
  copy.name = error.name;
  return copy;
}
