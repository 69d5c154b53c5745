import { answerWritten, isLive, tell } from "./record.js";

/** Deletes a record, whoever owns it. */
export const forget = (table: string) => `-- onceover forget
-- $1 key
-- $2 channel
-- answers one row: written (deleted), unreadable
WITH written AS (
  DELETE FROM ${table} AS r WHERE r.key = $1::text AND ${isLive("r", "clock_timestamp()")}
  RETURNING r.key, ${tell("r")}
)
${answerWritten(table)}
`;
