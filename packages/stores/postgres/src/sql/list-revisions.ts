import { REVISION_VERSION } from "./revision.js";

/** Lists the texts of a service, and says whether it was a replica that looked, since a replica knows of them late. */
export const listRevisions = (table: string) => `-- onceover listRevisions
-- $1 service
-- answers rows: outcome kept | unreadable, and id, text, age_ms, since_ms; or one row: none | replica
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now)
SELECT
  CASE
    WHEN pg_is_in_recovery() THEN 'replica'
    WHEN found.id IS NULL THEN 'none'
    WHEN found.version <> ${REVISION_VERSION} THEN 'unreadable'
    ELSE 'kept'
  END AS outcome,
  found.id AS id,
  found.text AS text,
  greatest(0, extract(epoch FROM clock.now - found.last_at) * 1000)::text AS age_ms,
  greatest(0, extract(epoch FROM clock.now - found.last_at) * 1000, extract(epoch FROM clock.now - found.first_at) * 1000)::text AS since_ms
FROM clock
LEFT JOIN ${table} AS found
  ON found.service = $1::text AND (found.version <> ${REVISION_VERSION} OR found.expires_at > clock.now)
`;
