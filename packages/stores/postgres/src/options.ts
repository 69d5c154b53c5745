import type { Pool } from "pg";

/** Options of `postgresStore`. */
export interface PostgresStoreOptions {
  /** A `Pool` of pg. Its own settings may be any; it is not ended with the store. */
  readonly pool: Pool;
  /** The schema that `migrate` made: at most 63 characters of `[a-z0-9_]`, not beginning with a digit or `pg_`. @default "onceover" */
  readonly schema?: string;
  /** How long a call may take until it rejects with `store-unavailable`, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
}

/** Options of `postgresRegistry`: those of the store. */
export type PostgresRegistryOptions = PostgresStoreOptions;

/** Throws a TypeError that names the option, its rule and what was given. */
export function checkOptions({ pool, schema, timeoutMs }: PostgresStoreOptions): void {
  checkPool(pool);
  if (schema !== undefined) checkSchema(schema);
  checkTimeout(timeoutMs);
}

/** Throws a TypeError unless a timer can take `timeoutMs`, where it is given. */
export function checkTimeout(timeoutMs: number | undefined): void {
  if (timeoutMs === undefined || (timeoutMs > 0 && timeoutMs <= 2_147_483_647)) return;
  throw new TypeError(`timeoutMs must be a positive number of milliseconds below 2^31, got ${timeoutMs}`);
}

/** Throws a TypeError unless `pool` looks like a Pool of pg. */
export function checkPool(pool: Pool): void {
  const candidate: Partial<Pool> | undefined = pool;
  if (typeof candidate?.connect === "function" && typeof candidate.options === "object") return;
  throw new TypeError("pool must be a Pool of pg");
}

/** Throws a TypeError unless `schema` needs no quoting: it becomes part of the SQL. */
export function checkSchema(schema: string): void {
  if (typeof schema === "string" && /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(schema)) return;
  throw new TypeError(
    `schema must be at most 63 characters of [a-z0-9_], not beginning with a digit or pg_, got ${JSON.stringify(schema)}`,
  );
}
