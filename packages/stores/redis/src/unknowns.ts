import type { Found, StoreKey, UnknownPage } from "@onceover/core";
import { type Ground, type Position, walkKeys } from "./key-walk.js";

/** How to look at one key: answers unknown and running records, and none for others. */
type Inspect = (key: StoreKey) => Promise<Found>;

/** Reads one page of the listing. What is listed twice is harmless. */
export async function listUnknowns(ground: Ground, asked: Position, inspect: Inspect): Promise<UnknownPage> {
  const { keys, cursor } = await walkKeys(ground, asked);
  const found = await Promise.all(keys.map((key) => inspectOne(key, inspect)));
  return { items: found.flat(), ...(cursor !== undefined && { cursor }) };
}

async function inspectOne(key: StoreKey, inspect: Inspect): Promise<UnknownPage["items"]> {
  const found = await inspect(key);
  if (found.outcome !== "unknown") return [];
  const { outcome: _, ...rest } = found;
  return [{ key, ...rest }];
}
