import { REVISION_VERSION } from "./revision.js";

/** Deletes texts that are kept no longer, a batch at a time; rows that somebody is at are left for the next time. */
export const sweepRevisions = (table: string) => `-- onceover sweepRevisions
-- $1 how many
-- answers one row: swept
WITH ended AS MATERIALIZED (
  SELECT old.service, old.id FROM ${table} AS old
  WHERE old.expires_at <= now() AND old.version = ${REVISION_VERSION}
  LIMIT $1::int
  FOR UPDATE SKIP LOCKED
), swept AS (
  DELETE FROM ${table} AS r USING ended
  WHERE r.service = ended.service AND r.id = ended.id AND r.expires_at <= now() AND r.version = ${REVISION_VERSION}
  RETURNING r.id
)
SELECT count(*)::text AS swept FROM swept
`;
