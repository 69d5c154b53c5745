import type { StoreKey } from "@onceover/core";

/** Where a store key has what is not the digest of its scope: the records of one scope are spread as any. */
const KEY_PART = 16;

/** Which of `shards` objects keeps the record of a key: FNV-1a of the key's own part. It must never change. */
export function shardOf(key: StoreKey, shards: number): number {
  let hash = 0x811c9dc5;
  for (let at = KEY_PART; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % shards;
}

/** The name of an object. It must never change. */
export function objectName(shard: number): string {
  return `records-${shard}`;
}
