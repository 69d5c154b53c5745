/**
 * Transactions of the simulated store: a claim that nobody sees before it commits, together with its effect.
 *
 * The connection is part of the simulation. A caller who gives up, or dies, takes its transaction with it, unless its
 * commit is already under way; and the store ends one that has been idle for a lease.
 */

import { type AcquireRequest, type Begun, type Once, OnceoverError, type Transaction } from "../../src/index.js";
import type { Effect } from "./ledger.js";
import { send } from "./network.js";
import { CONTRACT, type Maybe, type SimRecord, type Step } from "./sim-store.js";
import { type Process, storeMs, type World } from "./world.js";

/** A transaction that has neither committed nor been rolled back. */
export interface OpenTransaction {
  readonly process: Process;
  /** The record that it has claimed. */
  readonly claimed: SimRecord;
  leaseEndsMs: number;
  /** What the handler has written. */
  readonly effects: Effect[];
}

/** What a handler is given as `once.tx`. */
interface SimClient {
  /** Makes an effect that counts when the transaction commits; `undefined` where the transaction is over. */
  make(about: Pick<Effect, "scope" | "payload" | "request">, once: Once): Effect | undefined;
}

/** The `begin` of the store as one process sees it. */
export function beginFor(world: World, process: Process): (request: AcquireRequest) => Promise<Begun> {
  return async (request) => {
    const { key, token, fingerprint, takeOver } = request;
    const asked = { verb: "acquire", key, content: `begin ${token} ${fingerprint} ${takeOver}` } as const;
    let hasGone = false;
    try {
      return await send<Begun>(world, process, asked, (found) =>
        hasGone || process.status === "down" ? ignored(found) : beginAt(world, process, request, found),
      );
    } catch (error) {
      hasGone = true;
      if (world.open.get(key)?.claimed.token === token) world.open.delete(key);
      throw error;
    }
  };
}

/** A connection that is gone has nobody to answer. */
function ignored(found: Maybe): Step<Begun> {
  return { answer: { outcome: "done", record: new Uint8Array(0) }, after: found };
}

function beginAt(world: World, process: Process, request: AcquireRequest, found: Maybe): Step<Begun> {
  const { key, fingerprint, leaseMs } = request;
  const nowMs = storeMs(world);
  const other = openAt(world, key);
  if (other !== undefined) {
    return { answer: { outcome: "running", fingerprint, leaseLeftMs: other.leaseEndsMs - nowMs }, after: found };
  }
  const { answer, after } = CONTRACT.acquire(found, request, { storeMs: nowMs, callerMs: nowMs });
  if (answer.outcome !== "acquired" || after === undefined) return { answer: answer as Begun, after: found };
  const open = { process, claimed: after, leaseEndsMs: nowMs + leaseMs, effects: [] };
  world.open.set(key, open);
  return { answer: { ...answer, transaction: transactionOf(world, request, open) }, after: found };
}

/** The transaction that holds a key, if there is one. */
export function openAt(world: World, key: string): OpenTransaction | undefined {
  const open = world.open.get(key);
  if (open === undefined || (open.leaseEndsMs > storeMs(world) && !isOrphan(world, open))) return open;
  world.open.delete(key);
  return undefined;
}

/** What the dead had sent may still arrive; without that, their connection is closed. */
function isOrphan(world: World, { process, claimed }: OpenTransaction): boolean {
  return process.status === "down" && !world.limbo.some(({ content }) => content.endsWith(`commit ${claimed.token}`));
}

function transactionOf(world: World, { key, token, leaseMs }: AcquireRequest, open: OpenTransaction): Transaction {
  const { process } = open;
  const isOpen = () => openAt(world, key) === open;
  const rollBack = () => {
    if (isOpen()) world.open.delete(key);
  };
  return {
    client: clientOf(world, open, isOpen),
    renew: () =>
      send(world, process, { verb: "renew", key, content: token }, (found) => {
        if (!isOpen()) return { answer: "stale", after: found };
        open.leaseEndsMs = storeMs(world) + leaseMs;
        return { answer: "ok", after: found };
      }),
    async complete(record, retentionMs) {
      const asked = { verb: "complete", key, content: `commit ${token}` } as const;
      const answer = await send(world, process, asked, (found) =>
        commit(world, key, open, record, retentionMs, found),
      ).catch(() => afterwards(world, key, open));
      if (answer === "ok") return answer;
      if (answer === "stale") throw new OnceoverError("rolled-back", "the transaction was over");
      throw new OnceoverError("store-unavailable", "the connection was lost while it committed");
    },
    async abandon() {
      rollBack();
    },
  };

  /** The connection is lost: every second caller finds out what became of the commit, unless it is still under way. */
  function afterwards(world: World, key: string, open: OpenTransaction): "ok" | "stale" | "unknown" {
    if (world.limbo.some(({ content }) => content.endsWith(`commit ${token}`))) return "unknown";
    rollBack();
    if (process.serials % 2 === 0) return "unknown";
    return world.records.get(key)?.token === open.claimed.token ? "ok" : "stale";
  }
}

function commit(
  world: World,
  key: string,
  open: OpenTransaction,
  record: Uint8Array,
  retentionMs: number,
  found: Maybe,
): Step<"ok" | "stale"> {
  // What arrives late speaks for a transaction that is open only as long as its commit is under way.
  if (world.open.get(key) !== open || open.leaseEndsMs <= storeMs(world)) return { answer: "stale", after: found };
  world.open.delete(key);
  world.ledger.effects.push(...open.effects);
  const at = { storeMs: storeMs(world), callerMs: storeMs(world) };
  return { answer: "ok", after: CONTRACT.complete(open.claimed, open.claimed.token, record, retentionMs, at).after };
}

function clientOf(world: World, open: OpenTransaction, isOpen: () => boolean): SimClient {
  return {
    make(about, once) {
      if (!isOpen()) return undefined;
      world.effects += 1;
      const effect = { id: `t${world.effects}`, ...about, effectKey: once.effectKey("charge") };
      open.effects.push(effect);
      return effect;
    },
  };
}

/** The client of a run inside a transaction; without one, as a planted bug may have it, no effect can be made. */
export function clientOfRun(once: Once): SimClient {
  try {
    const client: unknown = Reflect.get(once, "tx");
    return client as SimClient;
  } catch {
    return { make: () => undefined };
  }
}
