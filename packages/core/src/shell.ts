import type { Background } from "./background.js";
import type { RecordCache } from "./cache.js";
import { keyDigest, type OnceoverEvent, type StoreVerb } from "./event.js";
import type { Flights } from "./flight.js";
import type { Platform } from "./platform.js";
import type { Store, StoreKey } from "./store.js";
import type { Waiters } from "./waiters.js";

/** What the mounts of one instance share. */
export interface Shell {
  readonly service: string;
  readonly revision: string;
  readonly platform: Platform;
  readonly store: Store;
  readonly flights: Flights;
  readonly cache: RecordCache;
  readonly background: Background;
  readonly waiters: Waiters;
  emit(event: OnceoverEvent): void;
}

/** Calls the store; a failure is told to the listeners and passed on as a value, because it decides nothing by itself. */
export async function ask<T>(
  shell: Shell,
  verb: StoreVerb,
  key: StoreKey | undefined,
  call: (store: Store) => Promise<T>,
): Promise<
  { readonly outcome: "answered"; readonly value: T } | { readonly outcome: "failed"; readonly error: unknown }
> {
  try {
    return { outcome: "answered", value: await call(shell.store) };
  } catch (error) {
    shell.emit({ type: "store-failed", verb, error, ...(key === undefined ? {} : { keyDigest: keyDigest(key) }) });
    return { outcome: "failed", error };
  }
}
