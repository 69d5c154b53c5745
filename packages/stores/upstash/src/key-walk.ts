import type { StoreKey } from "@onceover/core";
import { keysAmong, patternOf } from "@onceover/redis/scripts";
import type { UpstashClient } from "./client.js";
import { bytesOfReply } from "./reply.js";
import { digestOf } from "./script.js";

/** Whose keys: those behind `prefix` that begin with `begins`. */
export interface Ground {
  readonly client: UpstashClient;
  readonly prefix: string;
  /** @default every key */
  readonly begins?: string;
}

/** One page of a walk over keys: what a script answered for each. */
export interface WalkedPage {
  readonly replies: readonly { readonly key: StoreKey; readonly bytes: Uint8Array }[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

const KEYS_PER_PAGE = 500;
const START = "0";

/** Runs a script on one page of keys: one call for their names, and one for all of them. */
export async function walkKeys({ client, prefix, begins = "" }: Ground, at: string, lua: string): Promise<WalkedPage> {
  const [next, names] = await client.scan(at, { match: patternOf(prefix + begins), count: KEYS_PER_PAGE });
  const keys = keysAmong(names.map(String), prefix);
  const replies = keys.length > 0 ? await runOnAll(client, prefix, keys, lua) : [];
  return { replies, ...(String(next) !== START && { cursor: String(next) }) };
}

/** The script's text goes first, so that the digest is known to the server by the time it is used. */
async function runOnAll(
  client: UpstashClient,
  prefix: string,
  keys: readonly StoreKey[],
  lua: string,
): Promise<WalkedPage["replies"]> {
  const digest = await digestOf(lua);
  const pipeline = client.pipeline();
  pipeline.scriptLoad(lua);
  for (const key of keys) pipeline.evalsha(digest, [prefix + key], []);
  const [, ...replies] = await pipeline.exec<unknown[]>();
  return keys.map((key, index) => ({ key, bytes: bytesOfReply(replies[index]) }));
}

/** Reads a cursor that a page of `verb` ended with; none is the beginning. Throws a TypeError for anything else. */
export function parseCursor(verb: string, cursor: string | undefined): string {
  if (cursor === undefined) return START;
  if (/^\d{1,39}$/.test(cursor)) return cursor;
  throw new TypeError(`cursor must be one that ${verb}() gave, got ${JSON.stringify(cursor)}`);
}
