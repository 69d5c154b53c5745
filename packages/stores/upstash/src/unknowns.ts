import type { UnknownPage } from "@onceover/core";
import { decodeFound } from "@onceover/redis/scripts";
import { type Ground, walkKeys } from "./key-walk.js";
import { scripts } from "./script.js";

/** Reads one page of the listing. */
export async function listUnknowns(ground: Ground, at: string): Promise<UnknownPage> {
  const { replies, ...cursor } = await walkKeys(ground, at, scripts.inspect);
  const items = replies.flatMap(({ key, bytes }) => {
    const found = decodeFound(bytes);
    if (found.outcome !== "unknown") return [];
    const { outcome: _, ...rest } = found;
    return [{ key, ...rest }];
  });
  return { items, ...cursor };
}
