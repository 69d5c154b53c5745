import type { Pool, PoolClient } from "pg";
import { late, storeError } from "./errors.js";

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

/** Every column is text already; in the client's binary mode it comes as the bytes of that text. */
const asText = { getTypeParser: () => (value: string | Buffer) => String(value) };

/**
 * Sends each statement over a connection of the pool: unprepared, outside any transaction, in one round trip.
 *
 * At the deadline the connection is destroyed, because nothing tells when, if ever, it could be used again: a server
 * that hangs must not keep the pool's last connections. A connection that the pool hands out too late is given back
 * unused, so that nothing reaches the server for a caller who has gone.
 */
export function poolSender(pool: Pool): Send {
  return ({ text, values }, endMs) =>
    new Promise((resolve, reject) => {
      let client: PoolClient | undefined;
      let isOver = false;

      function end(broken: boolean): boolean {
        if (isOver) return false;
        isOver = true;
        clearTimeout(timer);
        if (client) giveBack(client, broken);
        return true;
      }

      // Answers that arrived while the event loop was held up are read before the deadline strikes.
      const strike = () => setImmediate(() => end(true) && reject(late()));
      const timer = setTimeout(strike, Math.max(0, endMs - performance.now()));

      async function work(): Promise<Reply> {
        const connected = await pool.connect();
        connected.on("error", ignore);
        if (isOver) {
          giveBack(connected, false);
          throw late();
        }
        client = connected;
        const sentMs = performance.now();
        // If we die here, the statement commits or it does not; the caller's token tells which, when it asks again.
        const { rows } = await connected.query<Row>({ text, values: [...values], types: asText } as never);
        return { rows, sentMs };
      }

      work().then(
        (reply) => end(false) && resolve(reply),
        (error: unknown) => end(true) && reject(storeError(error, values)),
      );
    });
}

/** A connection that is lost says so to the call that uses it, and once more to whoever listens; nobody would be fatal. */
function ignore(): void {}

function giveBack(client: PoolClient, broken: boolean): void {
  // A broken one may still have something to say.
  if (!broken) client.off("error", ignore);
  client.release(broken);
}
