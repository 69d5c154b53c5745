export type { UpstashClient } from "./client.js";
export type { UpstashStoreOptions } from "./options.js";
export { type UpstashRegistryOptions, upstashRegistry } from "./upstash-registry.js";
export { upstashStore } from "./upstash-store.js";
