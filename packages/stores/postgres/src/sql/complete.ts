import { answerWritten, isLive, ms, tell } from "./record.js";

/**
 * Turns a running record into a done one. A done record of the same token stands as it is; it is written again all the
 * same, so that the answer means what it says: committed.
 */
export const complete = (table: string) => statement(table, "complete");

/**
 * The same inside the transaction of the acquire. The row as it stands must be of that very transaction: had the handler
 * ended it and gone on in another one, effects and record would no longer be there together or not at all. It answers the
 * transaction's id, too, by which it can be asked for if the answer to COMMIT is lost.
 */
export const completeWithin = (table: string) =>
  statement(
    table,
    "completeWithin",
    "\n    AND r.xmin = pg_current_xact_id_if_assigned()::xid",
    ",\n  pg_current_xact_id_if_assigned()::text AS xid",
  );

const statement = (table: string, name: string, condition = "", column = "") => `-- onceover ${name}
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
  WHERE r.key = $1::text AND r.token = $3::text AND r.state IN ('running', 'done') AND ${isLive("r", "clock_timestamp()")}${condition}
  RETURNING r.key, ${tell("r")}
)
${answerWritten(table)}${column}
`;
