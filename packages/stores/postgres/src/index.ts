export { type MigrateOptions, migrate } from "./migrate.js";
export type { PostgresStoreOptions } from "./options.js";
export { postgresStore } from "./postgres-store.js";
