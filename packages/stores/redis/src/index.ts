export type { RedisClient } from "./client.js";
export type { RedisStoreOptions } from "./options.js";
export { type RedisPinsOptions, redisPins } from "./redis-pins.js";
export { type RedisRegistryOptions, redisRegistry } from "./redis-registry.js";
export { redisStore } from "./redis-store.js";
