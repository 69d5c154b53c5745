import type { Pool, PoolClient } from "pg";
import { giveBack, lend } from "./borrow.js";
import { checkPool, checkSchema } from "./options.js";
import { MIGRATED } from "./sql/migrated.js";
import { migration1 } from "./sql/migration-1.js";
import { migration2 } from "./sql/migration-2.js";

/** What leads from each version of the schema to the next; the first makes version 1. */
const MIGRATIONS = [migration1, migration2] as const;

/** The version of the schema that records need; whoever has no registry needs no other. */
export const RECORDS_VERSION = 1;

/** Options of `migrate`. */
export interface MigrateOptions {
  /** The schema to make or bring up to date. @default "onceover" */
  readonly schema?: string;
}

/**
 * Makes the schema, its tables and indexes, or brings them up to date; where they are (or are of a later version), it changes
 * nothing and needs no right to. All in one transaction, and safe when several processes start at once.
 *
 * @throws TypeError where an option breaks its rule; what pg rejects with, as it is
 */
export async function migrate(pool: Pool, { schema = "onceover" }: MigrateOptions = {}): Promise<void> {
  checkPool(pool);
  checkSchema(schema);
  const client = await lend(pool);
  try {
    await migrateOver(client, schema);
  } catch (error) {
    // Destroyed, the connection rolls back what it has begun.
    giveBack(client, "broken");
    throw error;
  }
  giveBack(client, "sound");
}

async function migrateOver(client: PoolClient, schema: string): Promise<void> {
  if ((await versionOf(client, schema)) >= MIGRATIONS.length) return;
  await client.query("BEGIN");
  // Until the end of the transaction, so that it is gone with it, behind a pooler too.
  await client.query("SELECT pg_advisory_xact_lock(hashtext('onceover migrate'), hashtext($1::text))", [schema]);
  for (const migration of MIGRATIONS.slice(await versionOf(client, schema))) await client.query(migration(schema));
  await client.query("COMMIT");
}

async function versionOf(client: PoolClient, schema: string): Promise<number> {
  const { rows } = await client.query<{ readonly migrated: string | null }>(MIGRATED, [schema]);
  return parseVersion(rows[0]?.migrated);
}

/** The version that the table's comment tells; 0 where there is none. */
export function parseVersion(comment: string | null | undefined): number {
  return Number(/^onceover (\d{1,6})$/.exec(comment ?? "")?.[1] ?? 0);
}
