import { tell } from "./record.js";

/**
 * Deletes the records of a scope, a batch at a time, in the order of their keys: whoever owns them, and of whichever
 * version. The keys of a scope are a range of the primary key, since no character of a key comes after `~`.
 *
 * The rows are locked in that order before any is deleted, so that two of these never wait for each other in a circle.
 */
export const forgetScope = (table: string) => `-- onceover forgetScope
-- $1 the scope's digest
-- $2 channel
-- $3 the key after which the batch begins; '' the first batch
-- $4 how many
-- answers one row: forgotten (how many), last (the greatest key among them)
WITH forgotten AS (
  DELETE FROM ${table} AS r
  WHERE r.key = ANY (ARRAY(
    SELECT found.key FROM ${table} AS found
    WHERE found.key >= $1::text AND found.key < $1::text || '~' AND found.key > $3::text
    ORDER BY found.key LIMIT $4::int
    FOR UPDATE))
  RETURNING r.key, ${tell("r")}
)
SELECT count(*)::text AS forgotten, max(key) AS last FROM forgotten
`;
