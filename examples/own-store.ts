import { type Found, OnceoverError, type OwnerToken, type Store, type StoreKey, type Written } from "@onceover/core";
import { acquireStep, type Held, look, readable, type Step } from "./own-store-record.js";

/** What a store can be made of: values with versions, written by compare-and-set. */
export interface Kv {
  get(key: string): Promise<{ readonly value: string; readonly version: string } | undefined>;
  /** Writes (`undefined` deletes) if the entry still has this version (`undefined`: there is none); says whether it did. */
  put(key: string, value: string | undefined, version: string | undefined, expiresMs: number): Promise<boolean>;
  /** Up to 100 keys that begin with `prefix` and come after `after`, in order. */
  keys(prefix: string, after: string): Promise<readonly string[]>;
}

/** Keeps idempotency records in any key-value store with compare-and-set. */
export function kvStore(kv: Kv, { timeoutMs = 1000, nowMs = Date.now } = {}): Store {
  /** Looks, decides, and writes if nobody has written since; looks again if somebody has. */
  function change<T>(key: StoreKey, decide: (held: Held | undefined, now: number) => Step<T>): Promise<T> {
    return within(timeoutMs, async (signal) => {
      for (;;) {
        signal.throwIfAborted();
        const [found, now] = [await kv.get(key), nowMs()];
        const [answer, held] = decide(found && readable(found.value, now), now);
        if (held === undefined) return answer;
        if (await kv.put(key, JSON.stringify(held), found?.version, held.expiresMs)) return answer;
      }
    });
  }

  /** Whoever does not own the record writes nothing. */
  function write(key: StoreKey, token: OwnerToken, next: (held: Held, now: number) => Held | Written) {
    return change<Written>(key, (held, now) => {
      const after = held?.token === token ? next(held, now) : "stale";
      return typeof after === "string" ? [after] : ["ok", after];
    });
  }

  /** Deletes whatever stands there, of this layout or another. */
  function forget(key: StoreKey): Promise<"ok" | "none"> {
    return within(timeoutMs, async (signal) => {
      for (let found = await kv.get(key); found !== undefined; found = await kv.get(key)) {
        signal.throwIfAborted();
        const isExpired = JSON.parse(found.value).expiresMs <= nowMs();
        if (await kv.put(key, undefined, found.version, 0)) return isExpired ? "none" : "ok";
      }
      return "none";
    });
  }

  /** One page of keys and what came of each; the last key is where the next page begins. */
  async function each<T>(prefix: string, after: string, work: (key: StoreKey) => Promise<T>) {
    const keys = (await within(timeoutMs, () => kv.keys(prefix, after))) as StoreKey[];
    const cursor = keys.at(-1);
    return { done: await Promise.all(keys.map(work)), next: cursor === undefined ? {} : { cursor } };
  }

  const read = (key: StoreKey) => change<Found>(key, (held, now) => [look(held, now)]);
  return {
    name: "kv",
    acquire: (request) => change(request.key, (held, now) => acquireStep(held, request, now)),
    renew: (key, token, leaseMs) =>
      write(key, token, (held, now) => (held.state === "running" ? { ...held, leaseEndsMs: now + leaseMs } : "stale")),
    complete: (key, token, bytes, retentionMs) =>
      write(key, token, (held, now) => {
        if (held.state !== "running") return held.state === "done" ? "ok" : "stale";
        const record = Buffer.from(bytes).toString("base64");
        return { ...held, state: "done", record, expiresMs: now + retentionMs };
      }),
    abandon: (key, token) =>
      write(key, token, (held) => (held.state === "done" ? "stale" : { ...held, state: "abandoned" })),
    read,
    forget,
    async forgetScope(scope, cursor = "") {
      const { done, next } = await each(scope, cursor, forget);
      return { forgotten: done.filter((was) => was === "ok").length, ...next };
    },
    async unknowns(cursor = "") {
      const { done, next } = await each("", cursor, async (key) => ({ key, ...(await read(key)) }));
      return { items: done.filter((found) => found.outcome === "unknown"), ...next };
    },
    verify: async () => ({ tier: "T1", findings: [] }),
    close: async () => {},
  };
}

/** No call is pending for ever, and no error quotes what the client was given. */
async function within<T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new Promise<never>((_, reject) => signal.addEventListener("abort", reject));
  return Promise.race([work(signal), late]).catch((error: unknown) => {
    throw error instanceof OnceoverError ? error : new OnceoverError("store-unavailable", "the kv store failed");
  });
}
