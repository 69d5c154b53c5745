import type { Finding, Verified } from "@onceover/core";
import { parseVersion, RECORDS_VERSION } from "./migrate.js";
import type { Row } from "./send.js";

/** What a setting must not be, and what to say then. */
interface Rule extends Finding {
  readonly isBroken: (settings: Row) => boolean;
}

const RULES: readonly Rule[] = [
  {
    setting: "server_version",
    isBroken: ({ version }) => Number(version) < 130_000,
    problem: "the server is older than Postgres 13, which is the oldest that the statements are meant for",
    mend: "use Postgres 13 or later",
  },
  {
    setting: "hot_standby",
    isBroken: ({ recovering }) => recovering === "true",
    problem: "the server is a replica: it refuses writes and knows of records late",
    mend: "connect to the primary",
  },
  {
    setting: "default_transaction_read_only",
    isBroken: ({ read_only, recovering }) => read_only === "on" && recovering !== "true",
    problem: "transactions are read only: no key can be claimed",
    mend: "ALTER ROLE … SET default_transaction_read_only = off, for the role that the pool connects as",
  },
  {
    setting: "synchronous_commit",
    isBroken: ({ synchronous_commit }) => synchronous_commit === "off",
    problem: "synchronous_commit is off: a crash loses records that were acknowledged, and their requests run twice",
    mend: "ALTER ROLE … SET synchronous_commit = on, for the role that the pool connects as",
  },
  {
    setting: "synchronous_commit",
    isBroken: ({ synchronous_commit, standbys }) => synchronous_commit === "local" && standbys !== "",
    problem:
      "synchronous_commit is local although synchronous_standby_names is set: a fail-over loses acknowledged records",
    mend: "ALTER ROLE … SET synchronous_commit = on, for the role that the pool connects as",
  },
  {
    setting: "fsync",
    isBroken: ({ fsync }) => fsync === "off",
    problem: "fsync is off: a power cut loses acknowledged records, or the whole database",
    mend: "ALTER SYSTEM SET fsync = on, and reload",
  },
  {
    setting: "full_page_writes",
    isBroken: ({ full_page_writes }) => full_page_writes === "off",
    problem: "full_page_writes is off: a page that was half written in a power cut is not mended",
    mend: "ALTER SYSTEM SET full_page_writes = on, and reload; turn it off only on a file system without torn pages",
  },
  {
    setting: "schema",
    isBroken: ({ migrated }) => parseVersion(migrated) < RECORDS_VERSION,
    problem: "the schema has no table of records, or one of an earlier version",
    mend: "call migrate(pool), or run the SQL in the package's README",
  },
  {
    setting: "UNLOGGED",
    isBroken: ({ persistence }) => typeof persistence === "string" && persistence !== "p",
    problem: "the table of records is not logged: a crash empties it, and every request can run once more",
    mend: "ALTER TABLE … SET LOGGED",
  },
  {
    setting: "GRANT",
    isBroken: ({ allowed }) => allowed === "false",
    problem: "the role that the pool connects as may not read and write the table of records",
    mend: "GRANT USAGE ON SCHEMA and GRANT SELECT, INSERT, UPDATE, DELETE ON its table records TO that role",
  },
];

/** Says which settings, as the settings statement answered them, break the promise, and what to do. */
export function findingsOf(settings: Row): Verified {
  const broken = RULES.filter(({ isBroken }) => isBroken(settings));
  return { tier: "T3", findings: broken.map(({ setting, problem, mend }) => ({ setting, problem, mend })) };
}
