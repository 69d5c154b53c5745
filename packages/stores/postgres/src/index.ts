import type { PoolClient } from "pg";

declare module "@onceover/core" {
  interface Once {
    /**
     * On a mount with `transactional: true`: a client of pg inside the run's transaction. What is written through it is
     * there once the answer is recorded, or never. Giving it back does nothing. It refuses what would end the transaction,
     * and everything once the run is over.
     * @throws {OnceoverError} `misuse` on any other mount.
     */
    readonly tx: PoolClient;
  }
}

export { type MigrateOptions, migrate } from "./migrate.js";
export type { PostgresRegistryOptions, PostgresStoreOptions } from "./options.js";
export { type PostgresPinsOptions, postgresPins } from "./postgres-pins.js";
export { postgresRegistry } from "./postgres-registry.js";
export { postgresStore } from "./postgres-store.js";
