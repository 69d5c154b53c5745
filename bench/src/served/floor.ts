/** What the floors of all frameworks share: the two commands that a naive correct design sends to Redis, and its record. */

import { createHash, randomUUID } from "node:crypto";
import { Redis } from "ioredis";

/** Turns the marker of a run into its record, if the marker is still this run's. */
const COMPLETE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

const LEASE_MS = 15_000;
const RETENTION_MS = 86_400_000;

/** What a duplicate of a running request is told. */
export const IN_FLIGHT = { status: 409, headers: { "Retry-After": "1" } } as const;

/** What the floor keeps of an answer. */
export interface FloorRecord {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

/** What the floor finds out about a key. */
export type FloorClaim =
  /** It is ours; `complete` says whether it still was when the answer was to be recorded. */
  | { readonly outcome: "run"; complete(record: FloorRecord): Promise<boolean> }
  | { readonly outcome: "running" }
  | { readonly outcome: "done"; readonly record: FloorRecord };

/** Claims a key, or says what stands there. */
export type Floor = (key: string | undefined) => Promise<FloorClaim>;

/**
 * The floor: the least that a naive correct design does. One SET claims the key and says what stands there, one
 * compare-and-set by Lua records the answer as JSON before it leaves; a duplicate of a running request gets 409.
 *
 * It compares no payloads, has no scopes, renews no lease, records no header but the media type and no body but one
 * text: what a library does beyond this, it must earn elsewhere.
 */
export async function openFloor(redisUrl: string): Promise<Floor> {
  const client = new Redis(redisUrl);
  await client.script("LOAD", COMPLETE);
  const sha = createHash("sha1").update(COMPLETE).digest("hex");
  return async function floor(idempotencyKey) {
    const key = `floor:${idempotencyKey}`;
    const token = `run:${randomUUID()}`;
    const found = await client.set(key, token, "PX", LEASE_MS, "NX", "GET");
    if (found === null) {
      const complete = async (record: FloorRecord) =>
        (await client.evalsha(sha, 1, key, token, JSON.stringify(record), RETENTION_MS)) === 1;
      return { outcome: "run", complete };
    }
    return found.startsWith("run:") ? { outcome: "running" } : { outcome: "done", record: JSON.parse(found) };
  };
}
