import type { Once } from "@onceover/core";
import { drizzle } from "drizzle-orm/node-postgres";
import { integer, pgTable, serial } from "drizzle-orm/pg-core";

const payments = pgTable("payments", { id: serial().primaryKey(), amount: integer().notNull() });

/** A payment by Drizzle, whose client is the run's. */
export async function pay(once: Once, amount: number) {
  const db = drizzle({ client: once.tx });
  const [payment] = await db.insert(payments).values({ amount }).returning();
  return payment;
}
