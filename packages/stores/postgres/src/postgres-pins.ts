import { OnceoverError } from "@onceover/core";
import type { Pool, QueryResult } from "pg";
import { borrow, giveBack } from "./borrow.js";
import { withinDeadline } from "./deadline.js";
import { checkPool, checkTimeout } from "./options.js";

/** Options of `postgresPins`. */
export interface PostgresPinsOptions {
  /** A `Pool` of pg. It stays the caller's, and its type parsers are used. */
  readonly pool: Pool;
  /**
   * One statement that answers one row, its columns named as the pins: `"schemaRev"`, `"indexHash"`, `"modelTag"`, or pins of your
   * own. Since Postgres folds names that are not quoted, `schema_rev`, `index_hash` and `model_tag` are understood, too.
   */
  readonly sql: string;
  /** How long a reading may take, waiting for a connection included, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
}

/** What Postgres makes of names that are not quoted is written with underscores. */
const PINS: ReadonlyMap<string, string> = new Map([
  ["schema_rev", "schemaRev"],
  ["index_hash", "indexHash"],
  ["model_tag", "modelTag"],
]);

/**
 * Makes a function that reads from Postgres what the backend has. Values come as pg gives them. It rejects with an
 * `OnceoverError` `store-unavailable` where there is no answer in time, or an error, and with an `Error` where the answer is not
 * one row of differently named columns.
 *
 * @throws TypeError where an option breaks its rule
 */
export function postgresPins(options: PostgresPinsOptions): () => Promise<Readonly<Record<string, unknown>>> {
  const { pool, sql, timeoutMs = 1000 } = options;
  checkPool(pool);
  if (typeof sql !== "string" || sql.trim() === "") {
    throw new TypeError(`sql must be one statement that answers one row, got ${JSON.stringify(sql)}`);
  }
  checkTimeout(timeoutMs);
  return async function readPins() {
    return pinsOf(await query(pool, sql, performance.now() + timeoutMs));
  };
}

/** At the deadline the connection is destroyed: nothing tells when, if ever, it could be used again. */
async function query(pool: Pool, sql: string, endMs: number): Promise<QueryResult | QueryResult[]> {
  const client = await borrow(pool, endMs);
  try {
    const result = await withinDeadline<QueryResult | QueryResult[]>(
      endMs,
      client.query({ text: sql, rowMode: "array" }),
    );
    giveBack(client, "sound");
    return result;
  } catch (error) {
    giveBack(client, "broken");
    throw unreadable(error);
  }
}

function pinsOf(result: QueryResult | QueryResult[]): Readonly<Record<string, unknown>> {
  if (Array.isArray(result)) throw new Error(`the pins' sql must be one statement, got ${result.length}`);
  const { fields, rows } = result;
  if (rows.length !== 1) throw new Error(`the pins' sql must answer exactly one row, got ${rows.length}`);
  const names = fields.map(({ name }) => PINS.get(name) ?? name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new Error(`the pins' sql must name each column differently, got ${twice} twice`);
  const values: readonly unknown[] = rows[0];
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

function unreadable(error: unknown): OnceoverError {
  if (error instanceof OnceoverError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new OnceoverError("store-unavailable", `the pins could not be read from Postgres: ${why}`, { cause: error });
}
