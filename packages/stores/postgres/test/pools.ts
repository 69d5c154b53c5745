import pg, { type Pool, type PoolConfig } from "pg";

export { asking, count, newKey, newToken, outcomeOf, scopeOf } from "@onceover/test/store-calls";

/** A pool whose lost connections are the test's intention. */
export function connect(url: string, options: PoolConfig = {}): Pool {
  const pool = new pg.Pool({ connectionString: url, ...options });
  pool.on("error", () => undefined);
  return pool;
}

let schemas = 0;

/** The name of a schema that no other call gives. */
export function newSchema(): string {
  return `case_${process.pid}_${++schemas}`;
}
