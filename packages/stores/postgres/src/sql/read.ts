import { fields, ROW_VERSION } from "./record.js";

/** Looks without claiming. It says whether it was a replica that looked, since a replica knows of records late. */
export const read = (table: string) => `-- onceover read
-- $1 key
-- answers one row: outcome none | running | done | unknown | unreadable | replica, and the record's fields
SELECT
  CASE
    WHEN pg_is_in_recovery() THEN 'replica'
    WHEN found.key IS NULL THEN 'none'
    WHEN found.version <> ${ROW_VERSION} THEN 'unreadable'
    WHEN found.expires_at <= found.now OR found.state = 'abandoned' THEN 'none'
    WHEN found.state = 'done' THEN 'done'
    WHEN found.lease_ends_at > found.now THEN 'running'
    ELSE 'unknown'
  END AS outcome,
  ${fields("found")}
FROM (SELECT) AS always
LEFT JOIN (SELECT r.*, clock_timestamp() AS now FROM ${table} AS r WHERE r.key = $1::text) AS found ON true
`;
