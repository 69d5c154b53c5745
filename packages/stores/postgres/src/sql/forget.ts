import { answerWritten, ROW_VERSION, tell } from "./record.js";

/** Deletes a record, whoever owns it; one of another version, too: that is the way out of it. */
export const forget = (table: string) => `-- onceover forget
-- $1 key
-- $2 channel
-- answers one row: written (deleted), unreadable
WITH written AS (
  DELETE FROM ${table} AS r
  WHERE r.key = $1::text AND (r.version <> ${ROW_VERSION} OR r.expires_at > clock_timestamp())
  RETURNING r.key, ${tell("r")}
)
${answerWritten(table)}
`;
