import type { ScopeDigest, Store } from "@onceover/core";
import { asking, newKey, newToken } from "@onceover/test/store-calls";

/** Every verb of a store but `verify` and `close`, each as one call. */
export function verbsOf(store: Store, key = newKey(), token = newToken()): (() => Promise<unknown>)[] {
  return [
    () => store.acquire(asking({ key, token })),
    () => store.renew(key, token, 1000),
    () => store.complete(key, token, new Uint8Array(9), 86_400_000),
    () => store.abandon(key, token),
    () => store.read(key),
    () => store.forget(key),
    () => store.forgetScope(key.slice(0, 16) as ScopeDigest),
    () => store.unknowns(),
  ];
}
