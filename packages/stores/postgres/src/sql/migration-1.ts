/**
 * The first version of the schema. The comment on the table says which version it has.
 *
 * Keys, tokens and fingerprints are ASCII of our own making: compared byte by byte, whatever the database's collation.
 */
export const migration1 = (schema: string) => `CREATE SCHEMA IF NOT EXISTS "${schema}";

CREATE TABLE "${schema}".records (
  key text COLLATE "C" PRIMARY KEY,
  version smallint NOT NULL,
  state text COLLATE "C" NOT NULL,
  token text COLLATE "C" NOT NULL,
  fence bigint NOT NULL,
  attempt integer NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  lease_ends_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  watched boolean NOT NULL,
  record bytea
);

-- For the sweep.
CREATE INDEX records_expires_at ON "${schema}".records (expires_at);

-- For the listing of unknown outcomes: only runs that nobody completed.
CREATE INDEX records_running ON "${schema}".records (key) WHERE state = 'running';

COMMENT ON TABLE "${schema}".records IS 'onceover 1';
`;
