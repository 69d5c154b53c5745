import type { RegistryEntry, RevisionRegistry } from "@onceover/core/revisions";
import { onReplica, unreadableRevision } from "./errors.js";
import { checkOptions, type PostgresRegistryOptions } from "./options.js";
import { poolSender, type Row, type Statement } from "./send.js";
import { revisionStatementsFor } from "./statements.js";
import { startSweeper } from "./sweeper.js";

/**
 * Lets revisions announce themselves to each other in a table of Postgres, each verb one statement, by the server's clock.
 * `migrate` makes the table. The pool stays the caller's. Calls reject with `OnceoverError`: `store-unavailable`, or `store-full`
 * where Postgres has no room.
 *
 * @throws TypeError where an option breaks its rule
 */
export function postgresRegistry(options: PostgresRegistryOptions): RevisionRegistry {
  checkOptions(options);
  const { pool, schema = "onceover", timeoutMs = 1000 } = options;
  const sql = revisionStatementsFor(schema);
  const send = poolSender(pool);
  const stopSweeping = startSweeper(async (size) => Number((await ask(sql.sweep, size))[0]?.swept));

  async function ask(text: string, ...values: Statement["values"]): Promise<readonly Row[]> {
    return (await send({ text, values }, performance.now() + timeoutMs)).rows;
  }

  return {
    name: "postgres",
    async write(service, id, text, keepMs) {
      putText(await ask(sql.write, service, id, keepMs, text));
    },
    async count(service, id, keepMs) {
      return Number(putText(await ask(sql.count, service, id, keepMs)));
    },
    async list(service) {
      return (await ask(sql.list, service)).flatMap(entriesOf);
    },
    async remove(service, id) {
      const [row] = await ask(sql.remove, service, id);
      return row?.removed === "true" ? "ok" : "none";
    },
    close: stopSweeping,
  };
}

/** The text that is there now. */
function putText([row]: readonly Row[]): string {
  if (typeof row?.text !== "string") throw unreadableRevision();
  return row.text;
}

/** What a row of the list says: an entry, or that there is none. */
function entriesOf({ outcome, id, text, age_ms, since_ms }: Row): readonly RegistryEntry[] {
  if (outcome === "none") return [];
  if (outcome === "replica") throw onReplica();
  if (outcome !== "kept" || typeof id !== "string" || typeof text !== "string") throw unreadableRevision();
  return [{ id, text, ageMs: Number(age_ms), sinceMs: Number(since_ms) }];
}
