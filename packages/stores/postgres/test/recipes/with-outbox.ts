import type { Once } from "@onceover/core";
import type { Pool } from "pg";

/** A payment, and the message that tells of it: both are there or neither. */
export async function pay(once: Once, amount: number) {
  const { rows } = await once.tx.query("INSERT INTO payments (amount) VALUES ($1) RETURNING *", [amount]);
  const message = { type: "payment.made", payment: rows[0] };
  await once.tx.query("INSERT INTO outbox (id, message) VALUES ($1, $2)", [once.effectKey("announce"), message]);
  return rows[0];
}

/**
 * Sends what is in the outbox, and takes it out once it was sent. A crash in between sends it again, under the same id: that
 * is what the receiver deduplicates by.
 */
export async function relay(pool: Pool, send: (id: string, message: unknown) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const { rows } = await client.query("SELECT * FROM outbox ORDER BY at LIMIT 100 FOR UPDATE SKIP LOCKED");
    for (const { id, message } of rows) await send(id, message);
    await client.query("DELETE FROM outbox WHERE id = ANY ($1)", [rows.map(({ id }) => id)]);
    await client.query("COMMIT");
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}
