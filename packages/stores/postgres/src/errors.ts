import { OnceoverError } from "@onceover/core";

/** The codes with which Postgres says that it has no room: disk_full and out_of_memory. The statement was rolled back. */
const FULL = new Set(["53100", "53200"]);
/** The codes with which it says that `migrate` was not run: undefined_table, invalid_schema_name, undefined_column. */
const NOT_MIGRATED = new Set(["42P01", "3F000", "42703"]);

/**
 * Turns what a client rejected with into an error of ours. The cause is a copy of its words and code: errors of Postgres
 * carry the values of a row in their details, so that keys and tokens would end up wherever errors are logged.
 */
export function storeError(error: unknown, secrets: readonly unknown[] = []): OnceoverError {
  if (error instanceof OnceoverError) return error;
  const cause = redacted(error, secrets);
  if (cause.code !== undefined && FULL.has(cause.code)) {
    return new OnceoverError("store-full", "Postgres has no room; nothing was written", { cause });
  }
  const hint = cause.code !== undefined && NOT_MIGRATED.has(cause.code) ? " (has migrate() been run?)" : "";
  return new OnceoverError("store-unavailable", `Postgres failed: ${cause.message}${hint}`, { cause });
}

/** A transaction came to nothing, for certain; `why` goes on after "rolled back: ". */
export function rolledBack(why: string, error?: unknown, secrets?: readonly unknown[]): OnceoverError {
  const message = `the transaction was rolled back: ${why}`;
  if (error === undefined) return new OnceoverError("rolled-back", message);
  const cause = redacted(error, secrets ?? []);
  return new OnceoverError("rolled-back", `${message}: ${cause.message}`, { cause });
}

/** The code that the server gave an error; nothing where the connection was lost, or the deadline passed. */
export function serverCode(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** The codes with which Postgres says that another transaction was faster (serialization_failure, deadlock_detected): trying again shows what it has done. */
const OUTRUN = new Set(["40001", "40P01"]);

/** Whether a statement was rolled back because another transaction was faster. */
export function wasOutrun(error: unknown): boolean {
  return OUTRUN.has(serverCode(error) ?? "");
}

/** A record exists that these statements cannot read; none of them touched it. */
export function unreadable(): OnceoverError {
  const message = "Postgres holds a record that this version of onceover cannot read; nothing was written";
  return new OnceoverError("record-unreadable", message);
}

/** An announcement of another version; the registry has one code for whatever keeps it from answering. */
export function unreadableRevision(): OnceoverError {
  const message = "Postgres holds an announcement that this version of onceover cannot read; nothing was written";
  return new OnceoverError("store-unavailable", message);
}

/** The deadline passed. What was asked may or may not have happened. */
export function late(): OnceoverError {
  return new OnceoverError("store-unavailable", "Postgres did not answer within timeoutMs");
}

/** A reader was sent to a replica. */
export function onReplica(): OnceoverError {
  return new OnceoverError("store-unavailable", "the server is a replica, which knows of records late");
}

function redacted(error: unknown, secrets: readonly unknown[]): Error & { readonly code?: string } {
  if (!(error instanceof Error)) return new Error("the client rejected with something that is no error");
  const texts = secrets.filter((secret): secret is string => typeof secret === "string" && secret.length > 8);
  const copy = new Error(texts.reduce((text, secret) => text.replaceAll(secret, "…"), error.message));
  copy.name = error.name;
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? Object.assign(copy, { code }) : copy;
}
