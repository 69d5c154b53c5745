import { OnceoverError } from "@onceover/core";

/** Turns what a call rejected with into an error of ours; its cause is a copy of the platform's words. */
export function storeError(error: unknown): OnceoverError {
  if (error instanceof OnceoverError) return error;
  const cause = redacted(error);
  return new OnceoverError("store-unavailable", `the Durable Object failed: ${cause.message}`, { cause });
}

/** A record exists that the object's code cannot read. */
export function unreadable(): OnceoverError {
  const message = "the Durable Object holds a record that this version of onceover cannot read; nothing was written";
  return new OnceoverError("record-unreadable", message);
}

/** An announcement of another version; the registry has one code for whatever keeps it from answering. */
export function unreadableRevision(): OnceoverError {
  const message =
    "the Durable Object holds an announcement that this version of onceover cannot read; nothing was written";
  return new OnceoverError("store-unavailable", message);
}

/** The object, or a row of it, has no room. */
export function full(): OnceoverError {
  return new OnceoverError("store-full", "the Durable Object has no room for the record; nothing was written");
}

/** The deadline passed. What was asked may or may not have happened. */
export function late(): OnceoverError {
  return new OnceoverError("store-unavailable", "the Durable Object did not answer within timeoutMs");
}

/** The object answered with what its code would never answer. */
export function unexpected(): OnceoverError {
  return new OnceoverError(
    "store-unavailable",
    "the Durable Object answered with something that OnceoverRecord never answers",
  );
}

/**
 * Whether the platform says that the same call may well succeed with another stub: the object was moved, or is reset by a
 * deploy. Of one that is overloaded it says that asking again makes it worse.
 */
export function isPassing(error: unknown): boolean {
  const { retryable, overloaded } = flagsOf(error);
  return retryable === true && overloaded !== true;
}

function flagsOf(error: unknown): { readonly retryable?: unknown; readonly overloaded?: unknown } {
  return typeof error === "object" && error !== null ? error : {};
}

/** Words that look like a key, a token or a digest are left out, wherever the platform or an object has them from. */
function redacted(error: unknown): Error {
  if (!(error instanceof Error)) return new Error("the stub rejected with something that is no error");
  const how = flagsOf(error).overloaded === true ? " (overloaded)" : "";
  const copy = new Error(error.message.replace(/[\w-]{32,}/g, "…").slice(0, 300) + how);
  copy.name = error.name;
  return copy;
}
