/**
 * One record is one row. `version` is the version of the row's meaning: a row of another version is answered
 * `unreadable` and is left as it is. `state` is running, done or abandoned; a running row whose lease has ended is
 * what the contract calls unknown. `watched` says that somebody waits to be told when the run is over.
 *
 * Times are the server's, from clock_timestamp(): now() stands still in a transaction, and would be the time before
 * the statement waited for a row. Since clock_timestamp() moves on within a statement, each text asks for it once per
 * look at a row and calls that `now`; a subquery whose column is volatile is never merged into the query around it.
 *
 * Every column of a reply is text, so that no type parser, binary mode or bytea_output of the caller's changes it.
 */

/** The version of a row's meaning that these texts read and write. */
export const ROW_VERSION = 1;

/** The clock, once. */
export const CLOCK = "(SELECT clock_timestamp() AS now) AS clock";

/** A number of milliseconds as an interval. */
export function ms(parameter: string): string {
  return `${parameter}::float8 * interval '1 millisecond'`;
}

/** A time as epoch milliseconds. */
export function epochMs(time: string): string {
  return `floor(extract(epoch FROM ${time}) * 1000)::bigint`;
}

/** Whether a row can be read, and its retention has not ended. */
export function isLive(row: string, now: string): string {
  return `${row}.version = ${ROW_VERSION} AND ${row}.expires_at > ${now}`;
}

/** Tells whoever waits for the row of a RETURNING clause, when the statement commits. The channel is the schema's name. */
export function tell(row: string): string {
  return `CASE WHEN ${row}.watched THEN pg_notify($2::text, ${row}.key)::text END AS told`;
}

/** The fields of a reply about `row`, which has a column `now`. */
export function fields(row: string): string {
  return `${row}.fence::text AS fence,
  ${row}.attempt::text AS attempt,
  ${row}.fingerprint AS fingerprint,
  (extract(epoch FROM ${row}.lease_ends_at - ${row}.now) * 1000)::text AS lease_left_ms,
  encode(${row}.record, 'base64') AS record`;
}

/**
 * The one row that a write answers: whether it was `written`, and whether there is a row of another version. `written`
 * is what the statement's first part changed.
 */
export function answerWritten(table: string): string {
  return `SELECT EXISTS (SELECT FROM written)::text AS written,
  EXISTS (SELECT FROM ${table} AS r WHERE r.key = $1::text AND r.version <> ${ROW_VERSION})::text AS unreadable`;
}
