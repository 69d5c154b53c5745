/**
 * One announcement is one row. `version` is the version of the row's meaning, as for records: a row of another version is
 * answered as unreadable and left as it is. Times are the server's; a clock that was set back makes no age negative.
 */
import { CLOCK, ms } from "./record.js";

/** The version of a row's meaning that these texts read and write. */
export const REVISION_VERSION = 1;

/**
 * Puts a text in the place of the one there is, and answers it. `over` is what becomes of a text that is kept, in terms of the
 * row `r`; `anew` what is put where there is none. Both may name $3. The row that another statement has just written is
 * waited for and judged as it is then: `clock` is asked after that wait.
 */
export function put(table: string, name: string, head: string, anew: string, over: string): string {
  return `-- onceover ${name}
-- $1 service
-- $2 id
${head}
-- answers one row: the text; or none, where there is a row of another version
INSERT INTO ${table} AS r (service, id, version, text, first_at, last_at, expires_at)
  SELECT $1::text, $2::text, ${REVISION_VERSION}, ${anew}, clock.now, clock.now, clock.now + ${ms("$3")}
  FROM ${CLOCK}
ON CONFLICT (service, id) DO UPDATE
  SET (text, first_at, last_at, expires_at) = (
    SELECT
      CASE WHEN r.expires_at > clock.now THEN ${over} ELSE ${anew} END,
      CASE WHEN r.expires_at > clock.now THEN least(r.first_at, clock.now) ELSE clock.now END,
      clock.now,
      clock.now + ${ms("$3")}
    FROM ${CLOCK})
  WHERE r.version = ${REVISION_VERSION}
RETURNING r.text AS text
`;
}
