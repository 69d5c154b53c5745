import { fields, ROW_VERSION } from "./record.js";

/** Lists records whose outcome is unknown, in the order of their keys. */
export const unknowns = (table: string) => `-- onceover unknowns
-- $1 the key after which the page begins; '' the first page
-- $2 how many
-- answers rows: key, outcome unknown | unreadable, and the record's fields; or one row: none | replica
SELECT
  found.key AS key,
  CASE
    WHEN pg_is_in_recovery() THEN 'replica'
    WHEN found.key IS NULL THEN 'none'
    WHEN found.version <> ${ROW_VERSION} THEN 'unreadable'
    ELSE 'unknown'
  END AS outcome,
  ${fields("found")}
FROM (SELECT) AS always
LEFT JOIN (
  SELECT run.* FROM (
    SELECT r.*, clock_timestamp() AS now FROM ${table} AS r WHERE r.state = 'running' AND r.key > $1::text
  ) AS run
  WHERE run.version <> ${ROW_VERSION} OR (run.lease_ends_at <= run.now AND run.expires_at > run.now)
  ORDER BY run.key
  LIMIT $2::int
) AS found ON true
ORDER BY found.key
`;
