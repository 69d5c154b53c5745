/**
 * The second version of the schema: where revisions announce themselves.
 *
 * There are some dozens of rows, each written over every few seconds: no index but the key, so that a page is written in
 * place, and room in each page for that. The text is the one column that is not ASCII of our own making.
 */
export const migration2 = (schema: string) => `CREATE TABLE "${schema}".revisions (
  service text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  version smallint NOT NULL,
  text text COLLATE "C" NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (service, id)
) WITH (fillfactor = 50);

COMMENT ON TABLE "${schema}".records IS 'onceover 2';
`;
