import { OnceoverError } from "@onceover/core";
import { failureOf } from "./failure.js";

/**
 * Turns what a client rejected with into an error of ours. The cause is a copy of its words: errors of Redis carry the
 * whole command, so that keys, tokens and recorded answers would end up wherever errors are logged.
 */
export function storeError(error: unknown, secrets: readonly (string | Buffer)[] = []): OnceoverError {
  if (error instanceof OnceoverError) return error;
  return failureOf(redacted(error, secrets));
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
