/**
 * Opens a transaction for one run: a claim waits at most `lockMs` for another transaction's, and the server ends what
 * has been idle for `idleMs`. The isolation is the one that the application has chosen for its transactions.
 *
 * Sent as it is: the two numbers are ours, and statements with parameters go one at a time.
 */
export const BEGIN = (lockMs: number, idleMs: number) => `-- onceover begin
-- answers in its second result: lock_timeout, as it was
BEGIN;
SELECT current_setting('lock_timeout') AS lock_timeout;
SET LOCAL lock_timeout = ${lockMs};
SET LOCAL idle_in_transaction_session_timeout = ${idleMs}`;

/** Shows the server that the client of an idle transaction lives. */
export const KEEP = `-- onceover keep
SELECT`;

/** What has become of a transaction. An error says that the server has not given the id yet: it lost it in a crash. */
export const STATUS = `-- onceover status
-- $1 the transaction's id
-- answers one row: status in progress | committed | aborted, or null where that was too long ago
SELECT pg_xact_status($1::text::xid8) AS status`;

/** Whether a run's record is there. A token names one run, so that nobody else's is taken for it. */
export const settled = (table: string) => `-- onceover settled
-- $1 key
-- $2 token
-- answers one row: settled, recovering (a replica answers, which knows late)
SELECT
  EXISTS (SELECT FROM ${table} AS r WHERE r.key = $1::text AND r.token = $2::text AND r.state = 'done')::text AS settled,
  pg_is_in_recovery()::text AS recovering`;
