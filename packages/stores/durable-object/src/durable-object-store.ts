import type { Acquired, AcquireRequest, Store, StoreKey, Verified } from "@onceover/core";
import { callAgain } from "./call.js";
import { withDeadline } from "./deadline.js";
import { late } from "./errors.js";
import type { RecordStub } from "./namespace.js";
import { objectClock } from "./object-clock.js";
import { checkOptions, type DurableObjectStoreOptions } from "./options.js";
import { cursorAfter, parseCursor } from "./pages.js";
import { acquiredOf, foundOf, itemsOf, writtenOf } from "./reply.js";
import { objectName, shardOf } from "./shard.js";
import { findingsOf, unlessFit } from "./verify.js";

const PAGE_UNKNOWNS = 100;
const PAGE_FORGOTTEN = 200;

/**
 * Keeps idempotency records in SQLite Durable Objects of Cloudflare, spread over a fixed number of them, each verb one call
 * of one object: tier T3. The Worker exports the class, `OnceoverRecord`. Calls reject with `OnceoverError`:
 * `store-unavailable`, `store-full`, `record-unreadable`, or `store-unfit` where `shards` is not what it was.
 *
 * @throws TypeError where an option breaks its rule
 */
export function durableObjectStore(options: DurableObjectStoreOptions): Store {
  checkOptions(options);
  const { namespace, shards = 16, timeoutMs = 1000 } = options;
  const clock = objectClock();
  let isJoined = false;
  const deadline = () => performance.now() + timeoutMs;

  /** The caller's token makes a verb that was done already, and is done again, the same as done once. */
  function call<T>(shard: number, verb: (object: RecordStub) => Promise<T>, endMs: number): Promise<T> {
    return callAgain(namespace, objectName(shard), verb, endMs);
  }

  /** The first object knows over how many records are spread: asked once, because it never changes. */
  async function join(endMs: number): Promise<Verified["findings"]> {
    const sentMs = performance.now();
    const reply = await call(0, (object) => object.join(shards), endMs);
    if (reply.outcome === "joined") clock.learn(reply.nowMs, sentMs);
    isJoined = reply.outcome === "joined";
    return findingsOf(reply, shards);
  }

  /** Calls one object, but none before it is certain that this is where the record would be. */
  function ask<T>(shard: number, verb: (object: RecordStub) => Promise<T>, endMs = deadline()): Promise<T> {
    const work = async () => {
      if (!isJoined) unlessFit(await join(endMs));
      return call(shard, verb, endMs);
    };
    return withDeadline(endMs, work());
  }

  const askFor = <T>(key: StoreKey, verb: (object: RecordStub) => Promise<T>, endMs?: number) =>
    ask(shardOf(key, shards), verb, endMs);

  async function acquire(request: AcquireRequest): Promise<Acquired> {
    const endMs = deadline();
    for (;;) {
      const sentMs = performance.now();
      const { found, nowMs } = await askFor(request.key, (object) => object.acquire(request, clock.at(endMs)), endMs);
      clock.learn(nowMs, sentMs);
      const acquired = acquiredOf(found);
      if (acquired.outcome !== "late") return acquired;
      // The object's clock is not the one we knew: it was set, or another machine's. Or it really is too late.
      if (performance.now() >= endMs) throw late();
    }
  }

  return {
    name: "durable-object",
    acquire,
    async renew(key, token, leaseMs) {
      return writtenOf(await askFor(key, (object) => object.renew(key, token, leaseMs)));
    },
    async complete(key, token, record, retentionMs) {
      // Of a view, all of the buffer behind it would be sent.
      const bytes = record.byteLength === record.buffer.byteLength ? record : record.slice();
      return writtenOf(await askFor(key, (object) => object.complete(key, token, bytes, retentionMs)));
    },
    async abandon(key, token) {
      return writtenOf(await askFor(key, (object) => object.abandon(key, token)));
    },
    async read(key) {
      return foundOf(await askFor(key, (object) => object.read(key)));
    },
    forget: (key) => askFor(key, (object) => object.forget(key)),
    async forgetScope(scope, cursor) {
      const at = parseCursor(cursor, shards);
      const forgotten = await ask(at.shard, (object) => object.forgetScope(scope, PAGE_FORGOTTEN));
      return { forgotten, ...(forgotten === PAGE_FORGOTTEN ? { cursor: String(at.shard) } : cursorAfter(at, shards)) };
    },
    async unknowns(cursor) {
      const at = parseCursor(cursor, shards);
      const items = itemsOf(await ask(at.shard, (object) => object.unknowns(at.after, PAGE_UNKNOWNS)));
      const last = items.length === PAGE_UNKNOWNS ? items.at(-1)?.key : undefined;
      return { items, ...cursorAfter(at, shards, last) };
    },
    async verify() {
      const endMs = deadline();
      return { tier: "T3", findings: await withDeadline(endMs, join(endMs)) };
    },
    async close() {},
  };
}
