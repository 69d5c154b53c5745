export type { UpstashClient } from "./client.js";
export type { UpstashStoreOptions } from "./options.js";
export { upstashStore } from "./upstash-store.js";
