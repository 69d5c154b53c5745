import { REVISION_VERSION } from "./revision.js";

/** Removes a text; one of another version, too: that is the way out of it. */
export const removeRevision = (table: string) => `-- onceover removeRevision
-- $1 service
-- $2 id
-- answers one row: removed
WITH removed AS (
  DELETE FROM ${table} AS r
  WHERE r.service = $1::text AND r.id = $2::text AND (r.version <> ${REVISION_VERSION} OR r.expires_at > clock_timestamp())
  RETURNING r.id
)
SELECT EXISTS (SELECT FROM removed)::text AS removed
`;
