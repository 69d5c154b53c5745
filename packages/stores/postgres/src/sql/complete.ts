import { answerWritten, isLive, ms, tell } from "./record.js";

/**
 * Turns a running record into a done one. A done record of the same token stands as it is; it is written again all the
 * same, so that the answer means what it says: committed.
 */
export const complete = (table: string) => `-- onceover complete
-- $1 key
-- $2 channel
-- $3 token
-- $4 retentionMs
-- $5 the bytes of the answer
-- answers one row: written, unreadable
WITH written AS (
  UPDATE ${table} AS r SET
    state = 'done',
    record = CASE r.state WHEN 'done' THEN r.record ELSE $5::bytea END,
    expires_at = CASE r.state WHEN 'done' THEN r.expires_at ELSE clock_timestamp() + ${ms("$4")} END
  WHERE r.key = $1::text AND r.token = $3::text AND r.state IN ('running', 'done') AND ${isLive("r", "clock_timestamp()")}
  RETURNING r.key, ${tell("r")}
)
${answerWritten(table)}
`;
