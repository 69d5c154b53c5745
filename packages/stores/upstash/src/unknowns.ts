import type { StoreKey, UnknownPage } from "@onceover/core";
import { decodeFound, keysAmong, patternOf } from "@onceover/redis/scripts";
import type { UpstashClient } from "./client.js";
import { bytesOfReply } from "./reply.js";
import { digestOf, scripts } from "./script.js";

const KEYS_PER_PAGE = 500;
const START = "0";

/** Reads one page of the listing: one call for names, and one for all the records that they name. */
export async function listUnknowns(client: UpstashClient, prefix: string, cursor: string): Promise<UnknownPage> {
  const [next, names] = await client.scan(cursor, { match: patternOf(prefix), count: KEYS_PER_PAGE });
  const keys = keysAmong(names.map(String), prefix);
  const items = keys.length > 0 ? await inspectAll(client, prefix, keys) : [];
  return { items, ...(String(next) !== START && { cursor: String(next) }) };
}

/** The script's text goes first, so that the digest is known to the server by the time it is used. */
async function inspectAll(
  client: UpstashClient,
  prefix: string,
  keys: readonly StoreKey[],
): Promise<UnknownPage["items"]> {
  const digest = await digestOf(scripts.inspect);
  const pipeline = client.pipeline();
  pipeline.scriptLoad(scripts.inspect);
  for (const key of keys) pipeline.evalsha(digest, [prefix + key], []);
  const [, ...replies] = await pipeline.exec<unknown[]>();
  return keys.flatMap((key, index) => {
    const found = decodeFound(bytesOfReply(replies[index]));
    if (found.outcome !== "unknown") return [];
    const { outcome: _, ...rest } = found;
    return [{ key, ...rest }];
  });
}

/** Reads a cursor that a page ended with; none is the beginning. Throws a TypeError for anything else. */
export function parseCursor(cursor: string | undefined): string {
  if (cursor === undefined) return START;
  if (/^\d{1,39}$/.test(cursor)) return cursor;
  throw new TypeError(`cursor must be one that unknowns() gave, got ${JSON.stringify(cursor)}`);
}
