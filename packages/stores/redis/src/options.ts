import { isCluster, type RedisClient, scripting } from "./client.js";

/** Options of `redisStore`. */
export interface RedisStoreOptions {
  /** A `Redis` (single node or Sentinel) or `Cluster` of ioredis. Its own settings may be any; it is not closed with the store. */
  readonly client: RedisClient;
  /** Stands in front of every key, after the client's own `keyPrefix`. @default "onceover:" */
  readonly prefix?: string;
  /** How long a call may take until it rejects with `store-unavailable`, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
  /**
   * How many replicas must confirm an acquire and a complete before they count: tier T2, over a connection of the
   * store's own. Not for a Cluster.
   * @default none
   */
  readonly waitReplicas?: number;
}

/** Throws a TypeError that names the option, its rule and what was given. */
export function checkOptions({ client, prefix, timeoutMs, waitReplicas }: RedisStoreOptions): void {
  scripting(client);
  if (prefix !== undefined && (typeof prefix !== "string" || prefix === "")) {
    throw new TypeError(`prefix must be a string of at least one character, got ${JSON.stringify(prefix)}`);
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= 2_147_483_647)) {
    throw new TypeError(`timeoutMs must be a positive number of milliseconds below 2^31, got ${timeoutMs}`);
  }
  if (waitReplicas === undefined) return;
  if (!Number.isSafeInteger(waitReplicas) || waitReplicas < 1) {
    throw new TypeError(`waitReplicas must be a positive whole number, got ${waitReplicas}`);
  }
  if (isCluster(client)) {
    throw new TypeError(
      `waitReplicas must be left out for a Cluster, which cannot confirm writes yet, got ${waitReplicas}`,
    );
  }
}
