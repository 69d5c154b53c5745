import {
  type AcquireRequest,
  type Begun,
  OnceoverError,
  type Store,
  type StoreKey,
  type Transaction,
} from "@onceover/core";
import type { TransactionEffects } from "../src/store-harness.js";

/** One bug of a store's transactions. */
export type TransactionBug =
  | "effects leave at once"
  | "abandon keeps effects"
  | "abandon keeps the key"
  | "the client goes on"
  | "renew always says ok"
  | "begin does not wait"
  | "begin waits for ever"
  | "begin lets two in"
  | "the claim is seen"
  | "complete again writes again"
  | "complete after abandon says ok"
  | "abandon undoes what was completed"
  | "an idle one lives for ever"
  | "a renewed one dies"
  | "another's fingerprint is made up"
  | "takeOver is ignored";

/** How long a begin of this store waits at most, in milliseconds. */
const LONGEST_WAIT_MS = 100;

/** A claim whose transaction is open. */
interface Claim {
  readonly ended: Promise<void>;
  end(): void;
}

/** Transactions over a store that has none, with one bug planted in them or none; effects are names in a list. */
export function transactionalMemory(
  store: Store,
  bug?: TransactionBug,
): { readonly store: Store; readonly effects: TransactionEffects } {
  const claims = new Map<StoreKey, Claim>();
  const written: string[] = [];

  async function begin(request: AcquireRequest, waitMs: number): Promise<Begun> {
    const longestMs = bug === "begin waits for ever" ? 2 ** 31 - 1 : Math.min(waitMs, LONGEST_WAIT_MS);
    const endMs = performance.now() + longestMs;
    for (;;) {
      const claim = bug === "begin lets two in" ? undefined : claims.get(request.key);
      if (claim === undefined) return claimFree(request);
      const leftMs = bug === "begin does not wait" ? 0 : endMs - performance.now();
      if (leftMs <= 0) return { outcome: "running", fingerprint: unseen(request), leaseLeftMs: request.leaseMs };
      await Promise.race([claim.ended, new Promise((resolve) => setTimeout(resolve, leftMs).unref())]);
    }
  }

  function unseen({ fingerprint }: AcquireRequest): AcquireRequest["fingerprint"] {
    return bug === "another's fingerprint is made up" ? ("t1:made-up" as typeof fingerprint) : fingerprint;
  }

  async function claimFree(request: AcquireRequest): Promise<Begun> {
    const claim = newClaim();
    claims.set(request.key, claim);
    const found = await store.read(request.key);
    const isTaken = found.outcome === "unknown" && request.takeOver === found.fence && bug !== "takeOver is ignored";
    if (found.outcome !== "none" && !isTaken) {
      claims.delete(request.key);
      claim.end();
      return found;
    }
    if (bug === "the claim is seen") await store.acquire(request);
    const [fence, attempt] = isTaken ? [found.fence + 1, found.attempt + 1] : [1, 1];
    return { outcome: "acquired", fence, attempt, transaction: open(request, claim) };
  }

  function open(request: AcquireRequest, claim: Claim): Transaction {
    const { key, token } = request;
    const effects: string[] = [];
    let state: "open" | "done" | "gone" = "open";
    let idle = setTimeout(expire, request.leaseMs).unref();

    function touch(): void {
      clearTimeout(idle);
      idle = setTimeout(expire, request.leaseMs).unref();
    }
    function expire(): void {
      if (bug !== "an idle one lives for ever" && state === "open") end("gone");
    }
    function end(how: "done" | "gone"): void {
      clearTimeout(idle);
      state = how;
      if (bug === "abandon keeps the key" && how === "gone") return;
      if (claims.get(key) === claim) claims.delete(key);
      claim.end();
    }
    async function write(name: string): Promise<void> {
      if (state !== "open" && bug !== "the client goes on") throw new Error("the transaction is over");
      touch();
      if (state === "open" && bug !== "effects leave at once") effects.push(name);
      else written.push(name);
    }
    return {
      client: { write },
      async renew() {
        if (bug !== "a renewed one dies") touch();
        return state === "open" || bug === "renew always says ok" ? "ok" : "stale";
      },
      async complete(record, retentionMs) {
        if (state === "done" && bug !== "complete again writes again") return "ok";
        if (state === "gone" && bug === "complete after abandon says ok") return "ok";
        if (state === "gone") throw new OnceoverError("rolled-back", "the transaction is over");
        if (state === "done") await store.forget(key);
        await store.acquire({ ...request, takeOver: true });
        await store.complete(key, token, record, retentionMs);
        written.push(...effects);
        end("done");
        return "ok";
      },
      async abandon() {
        if (bug === "abandon keeps effects") written.push(...effects);
        if (bug === "abandon undoes what was completed") await store.forget(key);
        if (state === "open") end("gone");
      },
    };
  }

  return {
    store: { ...store, begin, acquire: (request) => waitToAcquire(request) },
    effects: {
      write: (client, name) => (client as { write(name: string): Promise<void> }).write(name),
      count: async (name) => written.filter((each) => each === name).length,
    },
  };

  /** Whoever acquires waits for the transaction, too. */
  async function waitToAcquire(request: AcquireRequest): Promise<Awaited<ReturnType<Store["acquire"]>>> {
    await claims.get(request.key)?.ended;
    return store.acquire(request);
  }
}

function newClaim(): Claim {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { ended, end: () => end() };
}
