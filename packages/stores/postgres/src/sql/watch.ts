import { answerWritten, isLive } from "./record.js";

/** Notes on a running record that somebody waits: whoever ends it tells them. */
export const watch = (table: string) => `-- onceover watch
-- $1 key
-- answers one row: written (false also where it was noted already, or there is nothing to wait for), unreadable
WITH written AS (
  UPDATE ${table} AS r SET watched = true
  WHERE r.key = $1::text AND r.state = 'running' AND NOT r.watched AND ${isLive("r", "clock_timestamp()")}
  RETURNING r.key
)
${answerWritten(table)}
`;
