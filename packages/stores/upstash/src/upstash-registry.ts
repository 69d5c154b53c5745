import type { RevisionRegistry } from "@onceover/core/revisions";
import { asUnavailable, registryOver, withDeadline } from "@onceover/redis/scripts";
import { textOf } from "./as-text.js";
import type { UpstashClient } from "./client.js";
import { storeError } from "./errors.js";
import { checkOptions } from "./options.js";
import { bytesOfReply } from "./reply.js";
import { registryScripts } from "./script.js";
import { send } from "./send.js";

/** Options of `upstashRegistry`. */
export interface UpstashRegistryOptions {
  /** A `Redis` of @upstash/redis, of whichever entry point. Its own settings may be any. */
  readonly client: UpstashClient;
  /** Stands in front of every key. @default "onceover:" */
  readonly prefix?: string;
  /** How long a call may take until it rejects with `store-unavailable`, in milliseconds. @default 2000 */
  readonly timeoutMs?: number;
}

const utf8 = new TextEncoder();

/**
 * Keeps what revisions announce in Upstash Redis: one hash for each service, each verb one script over one HTTP call, and ages by
 * the server's clock. The texts are those of @onceover/redis, and either may read the other's. Calls reject with
 * `OnceoverError` `store-unavailable`, whatever went wrong.
 *
 * @throws TypeError where an option breaks its rule
 */
export function upstashRegistry(options: UpstashRegistryOptions): RevisionRegistry {
  checkOptions(options);
  const { client, prefix = "onceover:", timeoutMs = 2000 } = options;
  return registryOver("upstash", prefix, (verb, key, args) => {
    const endMs = performance.now() + timeoutMs;
    const sent = args.map((arg) => textOf(utf8.encode(arg)));
    return withDeadline(
      endMs,
      async () => bytesOfReply(await send(client, { lua: registryScripts[verb], key, args: sent }, endMs)),
      (error) => asUnavailable(storeError(error, [key, ...args, ...sent])),
    );
  });
}
