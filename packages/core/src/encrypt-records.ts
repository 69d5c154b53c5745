import { seal, unseal } from "./encrypted-record.js";
import { type EncryptionKey, encryptionKeyRing } from "./encryption-keys.js";
import type { KeyRing } from "./key-ring.js";
import type { Begun, Store, StoreKey, Transaction } from "./store.js";

/** Options of `encryptRecords`. */
export interface EncryptionOptions {
  /** The first one encrypts, all of them decrypt. */
  readonly keys: readonly EncryptionKey[];
}

/**
 * Wraps a store, so that it is given the answers it keeps under AES-256-GCM and nobody reads them without a key: not in
 * the store, its files, its backups or on the way there. Names and verbs are the store's; an encrypted record is 30 bytes
 * and its key's id longer. A done record that does not decrypt (its key is not in `keys`, it was changed or moved, it was
 * never encrypted) rejects with `OnceoverError` `record-unreadable`: it is neither absent nor shown.
 *
 * @throws TypeError where an option breaks its rule
 * @example
 * const keys = [{ id: "2026-11", key: process.env.RECORD_KEY }];
 * const once = createOnceover({ store: encryptRecords(redisStore({ client }), { keys }), ...rest });
 */
export function encryptRecords(store: Store, { keys }: EncryptionOptions): Store {
  const ring = encryptionKeyRing(keys);
  const { begin, watch } = store;

  /** What was found, and where that is a done record, its plain bytes. */
  async function revealed<Found extends { readonly outcome: string }>(key: StoreKey, found: Found): Promise<Found> {
    if (!isDone(found)) return found;
    return { ...found, record: await unseal(ring, key, found.record) };
  }

  return {
    name: store.name,
    acquire: async (request) => revealed(request.key, await store.acquire(request)),
    ...(begin && {
      async begin(request, waitMs): Promise<Begun> {
        const begun = await begin.call(store, request, waitMs);
        if (begun.outcome !== "acquired") return revealed(request.key, begun);
        return { ...begun, transaction: encrypting(begun.transaction, ring, request.key) };
      },
    }),
    renew: (key, token, leaseMs) => store.renew(key, token, leaseMs),
    complete: async (key, token, record, retentionMs) =>
      store.complete(key, token, await seal(ring.first, key, record), retentionMs),
    abandon: (key, token) => store.abandon(key, token),
    read: async (key) => revealed(key, await store.read(key)),
    forget: (key) => store.forget(key),
    forgetScope: (scope, cursor) => store.forgetScope(scope, cursor),
    unknowns: (cursor) => store.unknowns(cursor),
    ...(watch && { watch: (key, changed) => watch.call(store, key, changed) }),
    verify: () => store.verify(),
    close: () => store.close(),
  };
}

function isDone<Found extends { readonly outcome: string }>(
  found: Found,
): found is Found & { readonly record: Uint8Array } {
  return found.outcome === "done";
}

function encrypting(transaction: Transaction, ring: KeyRing, key: StoreKey): Transaction {
  return {
    client: transaction.client,
    renew: () => transaction.renew(),
    complete: async (record, retentionMs) => transaction.complete(await seal(ring.first, key, record), retentionMs),
    abandon: () => transaction.abandon(),
  };
}
