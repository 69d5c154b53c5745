export { type LmdbRegistryOptions, lmdbRegistry } from "./lmdb-registry.js";
export { type LmdbStoreOptions, lmdbStore } from "./lmdb-store.js";
