import { CLOCK, epochMs, fields, ms, ROW_VERSION } from "./record.js";

/** What may be acquired: a row that has expired or was abandoned, the caller's own run, or an unknown one that is to be taken over. */
function claimable(row: string, now: string): string {
  return `(${row}.version = ${ROW_VERSION} AND (
    ${row}.expires_at <= ${now}
    OR ${row}.state = 'abandoned'
    OR (${row}.state = 'running' AND ${row}.token = $2::text)
    OR ${takenOver(row, now)}))`;
}

function takenOver(row: string, now: string): string {
  return `(${row}.state = 'running' AND ${row}.lease_ends_at <= ${now} AND ${row}.fingerprint = $3::text
      AND $6::text IN ('any', ${row}.fence::text))`;
}

/** Whether somebody still waits for the reply. */
function inTime(now: string): string {
  return `($7::text = '' OR ${epochMs(now)} <= $7::text::bigint)`;
}

/**
 * Claims a key, or says who has it.
 *
 * What the statement's snapshot shows as somebody else's (`held`) is answered from there: a replay writes nothing and
 * locks nothing. Otherwise the row is written. The insert meets every row there is, also one that was committed after
 * the snapshot or that another transaction is about to commit: it waits for it, locks it, judges it as it is *then*,
 * and either claims it or writes it back as it was. So there is always a row to answer from, and after the write
 * `token = $2` says whose it is: a token names one run.
 *
 * `verdict` is what becomes of a row that was met: `own` (the run goes on), `new` (another run) or `kept`.
 */
export const acquire = (table: string) => statement(table, "acquire");

/**
 * The same inside a transaction that stays open. The claim may have waited for another transaction under a `lock_timeout` of
 * ours; what follows is the application's, and is given back its own. The column is computed once the row is claimed.
 */
export const acquireWithin = (table: string) =>
  statement(
    table,
    "acquireWithin",
    "\n-- $8 the lock_timeout to go on with",
    ",\n  set_config('lock_timeout', $8::text, true) AS lock_timeout",
  );

const statement = (table: string, name: string, parameter = "", column = "") => `-- onceover ${name}
-- $1 key
-- $2 token
-- $3 fingerprint
-- $4 leaseMs
-- $5 retentionMs
-- $6 take over an unknown record: '' not, 'any', or the fence it must have
-- $7 the server's time in ms after which nothing is claimed any more, because nobody waits for the reply; '' never${parameter}
-- answers one row: outcome acquired | running | done | unknown | late (nothing was claimed: ask again) | unreadable,
--   the record's fields, and server_ms, when this statement arrived
WITH seen AS MATERIALIZED (
  SELECT r.*, clock_timestamp() AS now FROM ${table} AS r WHERE r.key = $1::text
), held AS MATERIALIZED (
  SELECT seen.* FROM seen WHERE NOT ${claimable("seen", "seen.now")}
), claimed AS (
  INSERT INTO ${table} AS r
    (key, version, state, token, fence, attempt, fingerprint, lease_ends_at, expires_at, watched, record)
  SELECT $1::text, ${ROW_VERSION}, 'running', $2::text, ${epochMs("clock.now")}, 1, $3::text,
    clock.now + ${ms("$4")}, clock.now + ${ms("$5")}, false, NULL
  FROM ${CLOCK}
  WHERE NOT EXISTS (SELECT FROM held) AND ${inTime("clock.now")}
  ON CONFLICT (key) DO UPDATE SET
    (state, token, fence, attempt, fingerprint, lease_ends_at, expires_at, watched, record) = (
      SELECT
        CASE verdict WHEN 'kept' THEN r.state ELSE 'running' END,
        CASE verdict WHEN 'new' THEN $2::text ELSE r.token END,
        CASE verdict WHEN 'new' THEN greatest(r.fence + 1, ${epochMs("now")}) ELSE r.fence END,
        CASE WHEN verdict <> 'new' THEN r.attempt WHEN r.expires_at <= now THEN 1 ELSE r.attempt + 1 END,
        CASE verdict WHEN 'new' THEN $3::text ELSE r.fingerprint END,
        CASE verdict WHEN 'kept' THEN r.lease_ends_at ELSE now + ${ms("$4")} END,
        CASE verdict WHEN 'kept' THEN r.expires_at ELSE now + ${ms("$5")} END,
        CASE verdict WHEN 'new' THEN r.watched AND r.state = 'running' ELSE r.watched END,
        CASE verdict WHEN 'new' THEN NULL ELSE r.record END
      FROM ${CLOCK}, LATERAL (
        SELECT CASE
          WHEN NOT ${claimable("r", "clock.now")} THEN 'kept'
          WHEN r.state = 'running' AND r.token = $2::text AND r.expires_at > clock.now THEN 'own'
          WHEN NOT ${inTime("clock.now")} THEN 'kept'
          ELSE 'new' END AS verdict
      ) AS judged)
  RETURNING r.*, clock_timestamp() AS now
)
SELECT
  CASE
    WHEN found.key IS NULL THEN 'late'
    WHEN found.version <> ${ROW_VERSION} THEN 'unreadable'
    WHEN found.expires_at <= found.now OR found.state = 'abandoned' THEN 'late'
    WHEN found.state = 'done' THEN 'done'
    WHEN found.token = $2::text THEN 'acquired'
    WHEN found.lease_ends_at > found.now THEN 'running'
    WHEN ${takenOver("found", "found.now")} THEN 'late'
    ELSE 'unknown'
  END AS outcome,
  ${fields("found")},
  ${epochMs("statement_timestamp()")}::text AS server_ms${column}
FROM (SELECT) AS always
LEFT JOIN (SELECT * FROM claimed UNION ALL SELECT * FROM held) AS found ON true
`;
