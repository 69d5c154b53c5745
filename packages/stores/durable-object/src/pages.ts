/** Where a walk over all objects stands: at which of them, and after which key of it. */
export interface Position {
  readonly shard: number;
  readonly after: string;
}

/** Reads a cursor that a page ended with; none is the beginning. Throws a TypeError for anything else. */
export function parseCursor(cursor: string | undefined, shards: number): Position {
  if (cursor === undefined) return { shard: 0, after: "" };
  const [, shard, after = ""] = /^(\d{1,4})(?::([\w-]{1,64}))?$/.exec(cursor) ?? [];
  if (shard === undefined || Number(shard) >= shards) {
    throw new TypeError(`cursor must be one that this store gave, got ${JSON.stringify(cursor)}`);
  }
  return { shard: Number(shard), after };
}

/** What a page ends with: a cursor to the rest of this object, or to the next one, or none. */
export function cursorAfter({ shard }: Position, shards: number, last?: string): { readonly cursor?: string } {
  if (last !== undefined) return { cursor: `${shard}:${last}` };
  return shard + 1 < shards ? { cursor: String(shard + 1) } : {};
}
