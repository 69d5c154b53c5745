import type { Acquired, AcquireRequest, Store, StoreKey } from "@onceover/core";
import { acquireArgs, whole } from "./arguments.js";
import { clientPrefix, isCluster } from "./client.js";
import { withDeadline } from "./deadline.js";
import { directSender, type Send } from "./direct-sender.js";
import { storeError } from "./errors.js";
import { late } from "./failure.js";
import { forgetPage } from "./forget-scope.js";
import { parseCursor } from "./key-walk.js";
import { createListener } from "./listener.js";
import { checkOptions, type RedisStoreOptions } from "./options.js";
import { replicatedSender } from "./replicated-sender.js";
import { decodeAcquire, decodeForgotten, decodeFound, decodeProbe, decodeWritten } from "./reply.js";
import { bytesOfReply } from "./reply-bytes.js";
import { type Script, scripts } from "./script.js";
import { serverClock } from "./server-clock.js";
import { listUnknowns } from "./unknowns.js";
import { verifyRedis } from "./verify.js";

/** The key that `verify` tries things on; no store key is as short. */
const PROBE_KEY = "probe";

/**
 * Keeps idempotency records in Redis, each in one key and each verb one script: tier T1, or T2 with `waitReplicas`.
 * The client stays the caller's. Calls reject with `OnceoverError`: `store-unavailable`, `store-full` (maxmemory is
 * reached, or the disk takes nothing) or `record-unreadable`.
 *
 * @throws TypeError where an option breaks its rule
 */
export function redisStore(options: RedisStoreOptions): Store {
  checkOptions(options);
  const { client, prefix = "onceover:", timeoutMs = 1000, waitReplicas } = options;
  const clock = serverClock();
  const direct = directSender(client);
  const replicated =
    waitReplicas === undefined || isCluster(client) ? undefined : replicatedSender(client, waitReplicas, timeoutMs);
  const confirmed = replicated?.send ?? direct;
  const listener = createListener(client);
  const deadline = () => performance.now() + timeoutMs;

  /** Runs a script on one key of ours and settles with its reply, or rejects at `endMs` at the latest. */
  function run(
    send: Send,
    script: Script,
    key: string,
    args: readonly (string | Buffer)[],
    endMs = deadline(),
  ): Promise<Buffer> {
    return withDeadline(
      endMs,
      async () => bytesOfReply(await send({ script, key: prefix + key, args }, endMs)),
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
      const args = acquireArgs(request, clock.at(endMs));
      const reply = decodeAcquire(await run(confirmed, scripts.acquire, request.key, args, endMs));
      if (reply.serverMs !== undefined) clock.learn(reply.serverMs, sentMs);
      if (reply.outcome === "found") return reply.found;
      // The server's clock is not the one we knew: it was set, or another server took over. Or it really is too late.
      if (performance.now() >= endMs) throw late();
    }
  }

  async function forget(key: StoreKey): Promise<"ok" | "none"> {
    return decodeForgotten(await run(direct, scripts.forget, key, []));
  }

  return {
    name: "redis",
    acquire,
    async renew(key, token, leaseMs) {
      return decodeWritten(await run(direct, scripts.renew, key, [token, whole(leaseMs)]));
    },
    async complete(key, token, record, retentionMs) {
      const args = [token, whole(retentionMs), Buffer.from(record.buffer, record.byteOffset, record.byteLength)];
      return decodeWritten(await run(confirmed, scripts.complete, key, args));
    },
    async abandon(key, token) {
      return decodeWritten(await run(direct, scripts.abandon, key, [token]));
    },
    async read(key) {
      return decodeFound(await run(direct, scripts.read, key, []));
    },
    forget,
    async forgetScope(scope, cursor) {
      const position = parseCursor("forgetScope", cursor);
      return bounded(() => forgetPage({ client, prefix, begins: scope }, position, forget));
    },
    async unknowns(cursor) {
      const position = parseCursor("unknowns", cursor);
      const inspect = async (key: string) => decodeFound(await run(direct, scripts.inspect, key, []));
      return bounded(() => listUnknowns({ client, prefix }, position, inspect));
    },
    async watch(key, changed) {
      const channel = clientPrefix(client) + prefix + key;
      const { begun, leave } = listener.listen(channel, changed);
      try {
        await withDeadline(deadline(), () => begun, storeError);
        // Only now: whoever ends the run from here on tells.
        decodeWritten(await run(direct, scripts.watch, key, []));
        return leave;
      } catch (error) {
        leave();
        throw error;
      }
    },
    verify() {
      const probe = async () => {
        const sentMs = performance.now();
        const probed = decodeProbe(await run(direct, scripts.probe, PROBE_KEY, []));
        clock.learn(probed.serverMs, sentMs);
        return probed;
      };
      return bounded(() => verifyRedis({ client, probe, waitReplicas: waitReplicas ?? 0 }));
    },
    async close() {
      listener.close();
      replicated?.close();
    },
  };
}
