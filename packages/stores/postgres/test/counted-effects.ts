import type { TransactionEffects } from "@onceover/conformance";
import type { Pool, PoolClient } from "pg";

/** Effects for the conformance suite, in a table that takes each of them as often as it comes. */
export async function countedEffects(admin: Pool): Promise<TransactionEffects> {
  await admin.query("CREATE TABLE effects (name text NOT NULL)");
  return {
    async write(client, name) {
      await (client as PoolClient).query("INSERT INTO effects VALUES ($1)", [name]);
    },
    async count(name) {
      const { rows } = await admin.query("SELECT count(*)::int AS count FROM effects WHERE name = $1", [name]);
      return rows[0]?.count;
    },
  };
}
