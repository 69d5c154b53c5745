import { OnceoverError } from "@onceover/core";
import { failureOf } from "@onceover/redis/scripts";

/** Limits of a database at Upstash; what runs into one of them was not written. */
const NO_ROOM = /DB capacity quota exceeded|max (?:request|single record) size exceeded/;

/**
 * Turns what the client rejected with into an error of ours. The cause is a copy of its words without what it quotes:
 * the client's errors carry the whole command, keys, tokens and recorded answers included.
 */
export function storeError(error: unknown, secrets: readonly string[] = []): OnceoverError {
  if (error instanceof OnceoverError) return error;
  const cause = redacted(error, secrets);
  if (!NO_ROOM.test(cause.message)) return failureOf(cause);
  return new OnceoverError("store-full", `Upstash has no room: ${cause.message}; nothing was written`, { cause });
}

/** Whether an answer of the server's was the reason, rather than that none came. */
export function isAnswer(error: unknown): error is Error {
  // The client has no error codes.
  return error instanceof Error && error.name === "UpstashError";
}

/** Whether the server refused a script because it does not know its digest; nothing was executed. */
export function isUnknownScript(error: unknown): boolean {
  return isAnswer(error) && /\bNOSCRIPT\b/.test(unquoted(error));
}

function redacted(error: unknown, secrets: readonly string[]): Error {
  if (!(error instanceof Error)) return new Error("the client rejected with something that is no error");
  const copy = new Error(isAnswer(error) ? wordsOf(error, secrets) : `no answer (${kindOf(error)})`);
  copy.name = error.name;
  return copy;
}

/** Words of the server's without ours in them, and without any that looks like a key, a token or a digest. */
function wordsOf(error: Error, secrets: readonly string[]): string {
  const ours = secrets.filter((secret) => secret.length > 8);
  const words = ours.reduce((text, secret) => text.replaceAll(secret, "…"), unquoted(error));
  return words.replace(/[\w-]{32,}/g, "…").slice(0, 300);
}

/** What stands in front of the command, or of the arguments, that an error quotes. */
function unquoted({ message }: Error): string {
  return message.replace(/,? (?:command was:|with args beginning with:).*/s, "");
}

/** A failed fetch may quote the URL and the headers, an unreadable answer quotes itself: only the kind is told. */
function kindOf({ name, cause }: Error): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === "string" && /^[A-Z_]{3,40}$/.test(code) ? `${name}, ${code}` : name;
}
