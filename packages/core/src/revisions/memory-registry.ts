import { OnceoverError } from "@onceover/core";
import { check, type Rules } from "../check-options.js";

import { runtime } from "../platform.js";
import type { RegistryEntry, RevisionRegistry } from "./registry.js";

/** Options of `memoryRegistry`. */
export interface MemoryRegistryOptions {
  /**
   * The clock: milliseconds that only grow, from any origin.
   * @default performance.now
   */
  readonly nowMs?: () => number;
}

/** Texts a service may have at once: far more than revisions live side by side. */
const MAX_TEXTS = 10_000;
/** A number that `count` goes on from: what every double can hold, and 1 more. */
const NUMBER = /^\d{1,15}$/;

const RULES: Rules = { nowMs: [(value) => typeof value === "function", "must be a function"] };

interface Kept {
  readonly text: string;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly endsMs: number;
}

/**
 * Keeps what revisions announce in the memory of this process: for development, tests and a service of one process. A service
 * has at most 10,000 texts; `write` and `count` of a new id beyond that reject with `OnceoverError` `store-full`. Texts that
 * are kept no longer are dropped by later calls; there are no timers. After `close` every verb but `close` rejects with
 * `store-unavailable`.
 *
 * @throws TypeError when an option breaks its rule
 */
export function memoryRegistry(options: MemoryRegistryOptions = {}): RevisionRegistry {
  check("memoryRegistry", RULES, options);
  const { nowMs = runtime.monotonicMs } = options;
  const services = new Map<string, Map<string, Kept>>();
  let closed = false;

  /** What a service has by now. Every verb is one synchronous step; `async` turns what this throws into a rejection. */
  function open(service: string): { readonly kept: Map<string, Kept>; readonly now: number } {
    if (closed) throw new OnceoverError("store-unavailable", "the memory registry was closed");
    const now = nowMs();
    const kept = services.get(service) ?? new Map<string, Kept>();
    for (const [id, { endsMs }] of kept) if (endsMs <= now) kept.delete(id);
    if (kept.size === 0) services.delete(service);
    return { kept, now };
  }

  /** Puts the text that `next` makes of the one before in its place. */
  function put(service: string, id: string, keepMs: number, next: (before: string | undefined) => string): string {
    const { kept, now } = open(service);
    const before = kept.get(id);
    if (before === undefined && kept.size >= MAX_TEXTS) throw full();
    const text = next(before?.text);
    kept.set(id, { text, firstMs: before?.firstMs ?? now, lastMs: now, endsMs: now + keepMs });
    services.set(service, kept);
    return text;
  }

  return {
    name: "memory",
    async write(service, id, text, keepMs) {
      put(service, id, keepMs, () => text);
    },
    count: async (service, id, keepMs) => Number(put(service, id, keepMs, oneMore)),
    async list(service) {
      const { kept, now } = open(service);
      return Array.from(kept, ([id, entry]) => aged(id, entry, now));
    },
    remove: async (service, id) => (open(service).kept.delete(id) ? "ok" : "none"),
    close() {
      closed = true;
      services.clear();
    },
  };
}

function oneMore(text = "0"): string {
  return NUMBER.test(text) ? String(Number(text) + 1) : "1";
}

function aged(id: string, { text, firstMs, lastMs }: Kept, now: number): RegistryEntry {
  return { id, text, ageMs: now - lastMs, sinceMs: now - firstMs };
}

function full(): OnceoverError {
  const message = `the memory registry is full: the service has ${MAX_TEXTS} texts, and none that is kept is dropped`;
  return new OnceoverError("store-full", message);
}
