import type { RevisionRegistry } from "@onceover/core/revisions";
import type { RedisClient } from "./client.js";
import { withDeadline } from "./deadline.js";
import { directSender } from "./direct-sender.js";
import { storeError } from "./errors.js";
import { asUnavailable } from "./failure.js";
import { checkOptions } from "./options.js";
import { registryOver } from "./registry-over.js";
import { bytesOfReply } from "./reply-bytes.js";
import { registryScripts } from "./script.js";

/** Options of `redisRegistry`. */
export interface RedisRegistryOptions {
  /** A `Redis` (single node or Sentinel) or `Cluster` of ioredis. Its own settings may be any; it is not closed with the registry. */
  readonly client: RedisClient;
  /** Stands in front of every key, after the client's own `keyPrefix`. @default "onceover:" */
  readonly prefix?: string;
  /** How long a call may take until it rejects with `store-unavailable`, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
}

/**
 * Keeps what revisions announce in Redis: one hash for each service, each verb one script on it, and ages by the server's clock.
 * The client stays the caller's. Calls reject with `OnceoverError` `store-unavailable`, whatever went wrong.
 *
 * @throws TypeError where an option breaks its rule
 */
export function redisRegistry(options: RedisRegistryOptions): RevisionRegistry {
  checkOptions(options);
  const { client, prefix = "onceover:", timeoutMs = 1000 } = options;
  const send = directSender(client);
  return registryOver("redis", prefix, (verb, key, args) => {
    const endMs = performance.now() + timeoutMs;
    return withDeadline(
      endMs,
      async () => bytesOfReply(await send({ script: registryScripts[verb], key, args }, endMs)),
      (error) => asUnavailable(storeError(error, [key, ...args])),
    );
  });
}
