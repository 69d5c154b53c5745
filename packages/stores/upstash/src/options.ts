import { isClient, type UpstashClient } from "./client.js";

/** Options of `upstashStore`. */
export interface UpstashStoreOptions {
  /** A `Redis` of @upstash/redis, of whichever entry point. Its own settings may be any. */
  readonly client: UpstashClient;
  /** Stands in front of every key. @default "onceover:" */
  readonly prefix?: string;
  /** How long a call may take until it rejects with `store-unavailable`, in milliseconds. @default 2000 */
  readonly timeoutMs?: number;
}

/** Throws a TypeError that names the option, its rule and what was given. */
export function checkOptions({ client, prefix, timeoutMs }: UpstashStoreOptions): void {
  if (!isClient(client)) throw new TypeError("client must be a Redis of @upstash/redis, 1.35.3 or later");
  if (prefix !== undefined && (typeof prefix !== "string" || prefix === "")) {
    throw new TypeError(`prefix must be a string of at least one character, got ${JSON.stringify(prefix)}`);
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= 2_147_483_647)) {
    throw new TypeError(`timeoutMs must be a positive number of milliseconds below 2^31, got ${timeoutMs}`);
  }
}
