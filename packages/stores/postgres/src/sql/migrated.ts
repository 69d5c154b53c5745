/** Which version of the schema there is, if any. */
export const MIGRATED = `-- onceover migrated
-- $1 schema
-- answers no row, or one: migrated
SELECT obj_description(c.oid, 'pg_class') AS migrated
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = 'records'
`;
