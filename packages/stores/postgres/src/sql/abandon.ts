import { answerWritten, isLive, tell } from "./record.js";

/** Frees a key; its fence and attempt stay until the retention ends, so that the next run has higher ones. */
export const abandon = (table: string) => `-- onceover abandon
-- $1 key
-- $2 channel
-- $3 token
-- answers one row: written, unreadable
WITH written AS (
  UPDATE ${table} AS r SET state = 'abandoned'
  WHERE r.key = $1::text AND r.token = $3::text AND r.state IN ('running', 'abandoned') AND ${isLive("r", "clock_timestamp()")}
  RETURNING r.key, ${tell("r")}
)
${answerWritten(table)}
`;
