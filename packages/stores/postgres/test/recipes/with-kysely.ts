import type { Once } from "@onceover/core";
import { type Generated, Kysely, PostgresDialect } from "kysely";

interface Database {
  readonly payments: { readonly id: Generated<number>; readonly amount: number };
}

/** A payment by Kysely, which is given a pool of one client: the run's. */
export async function pay(once: Once, amount: number) {
  const pool = { connect: async () => once.tx, end: async () => {} };
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  return db.insertInto("payments").values({ amount }).returningAll().executeTakeFirstOrThrow();
}
