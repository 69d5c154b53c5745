/** Reads what the promise rests on. The catalog is asked for the table, because it answers without any right to it. */
export const SETTINGS = `-- onceover settings
-- $1 schema
-- answers one row
SELECT
  current_setting('server_version_num') AS version,
  pg_is_in_recovery()::text AS recovering,
  current_setting('transaction_read_only') AS read_only,
  current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('synchronous_standby_names') AS standbys,
  current_setting('fsync') AS fsync,
  current_setting('full_page_writes') AS full_page_writes,
  records.relpersistence::text AS persistence,
  (has_schema_privilege(records.relnamespace, 'USAGE')
    AND has_table_privilege(records.oid, 'SELECT') AND has_table_privilege(records.oid, 'INSERT')
    AND has_table_privilege(records.oid, 'UPDATE') AND has_table_privilege(records.oid, 'DELETE'))::text AS allowed,
  obj_description(records.oid, 'pg_class') AS migrated,
  floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint::text AS server_ms
FROM (SELECT) AS always
LEFT JOIN (
  SELECT c.oid, c.relnamespace, c.relpersistence
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = $1::text AND c.relname = 'records'
) AS records ON true
`;
