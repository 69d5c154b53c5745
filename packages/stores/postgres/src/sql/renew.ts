import { answerWritten, isLive, ms } from "./record.js";

/** Moves the end of a lease; the record's retention stays as it was. */
export const renew = (table: string) => `-- onceover renew
-- $1 key
-- $2 token
-- $3 leaseMs
-- answers one row: written, unreadable
WITH written AS (
  UPDATE ${table} AS r SET lease_ends_at = clock_timestamp() + ${ms("$3")}
  WHERE r.key = $1::text AND r.token = $2::text AND r.state = 'running' AND ${isLive("r", "clock_timestamp()")}
  RETURNING r.key
)
${answerWritten(table)}
`;
