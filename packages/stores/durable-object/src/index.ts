export { durableObjectRegistry } from "./durable-object-registry.js";
export { durableObjectStore } from "./durable-object-store.js";
export type { RecordNamespace } from "./namespace.js";
export { OnceoverRecord } from "./onceover-record.js";
export type { DurableObjectRegistryOptions, DurableObjectStoreOptions } from "./options.js";
