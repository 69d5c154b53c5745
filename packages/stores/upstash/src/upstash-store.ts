import type { Acquired, AcquireRequest, Store } from "@onceover/core";
import {
  acquireArgs,
  decodeAcquire,
  decodeForgotten,
  decodeFound,
  decodeProbe,
  decodeWritten,
  late,
  serverClock,
  whole,
  withDeadline,
} from "@onceover/redis/scripts";
import { textOf } from "./as-text.js";
import { storeError } from "./errors.js";
import { forgetPage } from "./forget-scope.js";
import { parseCursor } from "./key-walk.js";
import { checkOptions, type UpstashStoreOptions } from "./options.js";
import { bytesOfReply } from "./reply.js";
import { scripts } from "./script.js";
import { send } from "./send.js";
import { listUnknowns } from "./unknowns.js";
import { verifyUpstash } from "./verify.js";

/** The key that `verify` tries things on; no store key is as short. */
const PROBE_KEY = "probe";

/**
 * Keeps idempotency records in Upstash Redis, each in one key and each verb one script over one HTTP call: tier T1. The
 * records are those of @onceover/redis, and either may read the other's. Calls reject with `OnceoverError`:
 * `store-unavailable`, `store-full` (a limit of the database is reached) or `record-unreadable`.
 *
 * @throws TypeError where an option breaks its rule
 */
export function upstashStore(options: UpstashStoreOptions): Store {
  checkOptions(options);
  const { client, prefix = "onceover:", timeoutMs = 2000 } = options;
  const clock = serverClock();
  const deadline = () => performance.now() + timeoutMs;

  /** Runs a script on one key of ours and settles with its reply, or rejects at `endMs` at the latest. */
  function run(lua: string, key: string, args: readonly string[] = [], endMs = deadline()): Promise<Uint8Array> {
    return withDeadline(
      endMs,
      async () => bytesOfReply(await send(client, { lua, key: prefix + key, args }, endMs)),
      (error) => storeError(error, [key, ...args]),
    );
  }

  function bounded<T>(work: () => Promise<T>): Promise<T> {
    return withDeadline(deadline(), work, storeError);
  }

  async function acquire(request: AcquireRequest): Promise<Acquired> {
    const endMs = deadline();
    for (;;) {
      const sentMs = performance.now();
      const reply = decodeAcquire(
        await run(scripts.acquire, request.key, acquireArgs(request, clock.at(endMs)), endMs),
      );
      if (reply.serverMs !== undefined) clock.learn(reply.serverMs, sentMs);
      if (reply.outcome === "found") return reply.found;
      // The server's clock is not the one we knew: it was set, or another server took over. Or it really is too late.
      if (performance.now() >= endMs) throw late();
    }
  }

  async function probe() {
    const sentMs = performance.now();
    const probed = decodeProbe(await run(scripts.probe, PROBE_KEY));
    clock.learn(probed.serverMs, sentMs);
    return probed;
  }

  return {
    name: "upstash",
    acquire,
    async renew(key, token, leaseMs) {
      return decodeWritten(await run(scripts.renew, key, [token, whole(leaseMs)]));
    },
    async complete(key, token, record, retentionMs) {
      return decodeWritten(await run(scripts.complete, key, [token, whole(retentionMs), textOf(record)]));
    },
    async abandon(key, token) {
      return decodeWritten(await run(scripts.abandon, key, [token]));
    },
    async read(key) {
      return decodeFound(await run(scripts.read, key));
    },
    async forget(key) {
      return decodeForgotten(await run(scripts.forget, key));
    },
    async forgetScope(scope, cursor) {
      const from = parseCursor("forgetScope", cursor);
      return bounded(() => forgetPage({ client, prefix, begins: scope }, from));
    },
    async unknowns(cursor) {
      const from = parseCursor("unknowns", cursor);
      return bounded(() => listUnknowns({ client, prefix }, from));
    },
    verify: () => bounded(() => verifyUpstash({ client, probe })),
    async close() {},
  };
}
