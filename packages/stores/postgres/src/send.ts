import type { Pool, PoolClient, QueryResult } from "pg";
import { borrow, giveBack } from "./borrow.js";
import { withinDeadline } from "./deadline.js";
import { late, storeError, wasOutrun } from "./errors.js";

/** One statement and its parameters. */
export interface Statement {
  readonly text: string;
  readonly values: readonly (string | number | Buffer)[];
}

/** A row of a reply: every column is text. */
export type Row = Readonly<Record<string, string | null | undefined>>;

/** Sends one statement and settles with its rows and the moment it left; `endMs` is its deadline on the monotonic clock. */
export type Send = (statement: Statement, endMs: number) => Promise<Reply>;

/** What came back. */
export interface Reply {
  readonly rows: readonly Row[];
  /** When the statement was handed to a connection, on the monotonic clock. */
  readonly sentMs: number;
}

/**
 * Sends each statement over a connection of the pool: unprepared, outside any transaction, in one round trip.
 *
 * At the deadline the connection is destroyed, because nothing tells when, if ever, it could be used again: a server
 * that hangs must not keep the pool's last connections.
 */
export function poolSender(pool: Pool): Send {
  return async (statement, endMs) => {
    for (;;) {
      const reply = await sendOnce(pool, statement, endMs);
      if (reply !== undefined) return reply;
      if (performance.now() >= endMs) throw late();
    }
  };
}

/** `undefined` says that another statement was faster, as can be where the isolation is above read committed: nothing was written. */
async function sendOnce(pool: Pool, statement: Statement, endMs: number): Promise<Reply | undefined> {
  const client = await borrow(pool, endMs);
  try {
    const sentMs = performance.now();
    // If we die here, the statement commits or it does not; the caller's token tells which, when it asks again.
    const { rows } = await sendOver(client, statement, endMs);
    giveBack(client, "sound");
    return { rows, sentMs };
  } catch (error) {
    const isOutrun = wasOutrun(error);
    giveBack(client, isOutrun ? "sound" : "broken");
    if (isOutrun) return undefined;
    throw storeError(error, statement.values);
  }
}

/** Every column is text already; in the client's binary mode it comes as the bytes of that text. */
const asText = { getTypeParser: () => (value: string | Buffer) => String(value) };

/**
 * Sends a statement over a connection. Rejects at `endMs` as store-unavailable, with what the client rejects with
 * otherwise; what becomes of the connection is the caller's affair.
 */
export function sendOver(
  client: PoolClient,
  { text, values }: Statement,
  endMs: number,
): Promise<Pick<QueryResult<Row>, "rows" | "command">> {
  return withinDeadline(endMs, client.query<Row>({ text, values: [...values], types: asText } as never));
}
