import { ROW_VERSION } from "./record.js";

/**
 * Deletes records whose retention has ended, a batch at a time. Rows that somebody is at are left for the next time.
 * The bound is now(), unlike elsewhere: an index cannot be searched for a value that moves, and this one is never late.
 * It is judged again on deletion, since a row may have been acquired anew between the snapshot and the lock.
 */
export const sweep = (table: string) => `-- onceover sweep
-- $1 how many
-- answers one row: swept
WITH swept AS (
  DELETE FROM ${table} AS r
  WHERE r.key = ANY (ARRAY(
      SELECT old.key FROM ${table} AS old
      WHERE old.expires_at <= now() AND old.version = ${ROW_VERSION}
      ORDER BY old.expires_at LIMIT $1::int
      FOR UPDATE SKIP LOCKED))
    AND r.expires_at <= now() AND r.version = ${ROW_VERSION}
  RETURNING r.key
)
SELECT count(*)::text AS swept FROM swept
`;
