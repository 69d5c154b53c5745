import type { Pool, PoolClient } from "pg";
import { late, storeError } from "./errors.js";

/**
 * Takes a connection out of the pool; rejects at `endMs` of the monotonic clock. One that the pool hands out later is
 * given back unused, so that nothing reaches the server for a caller who has gone.
 */
export function borrow(pool: Pool, endMs: number): Promise<PoolClient> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    // What arrived while the event loop was held up is seen before the deadline strikes.
    const strike = () =>
      setImmediate(() => {
        isOver = true;
        reject(late());
      });
    const timer = setTimeout(strike, Math.max(0, endMs - performance.now()));
    lend(pool).then(
      (client) => {
        clearTimeout(timer);
        if (isOver) giveBack(client, "sound");
        else resolve(client);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(storeError(error));
      },
    );
  });
}

/**
 * Takes a connection out of the pool, whenever it has one; rejects with what the pool says. By callback: the pool stops
 * listening the moment it lends, and a promise would leave a gap in which a connection that is lost at once would end the process.
 */
export function lend(pool: Pool): Promise<PoolClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      client?.on("error", ignore);
      if (client === undefined) reject(error);
      else resolve(client);
    });
  });
}

/** Gives a connection back to its pool; a broken one is destroyed. */
export function giveBack(client: PoolClient, how: "sound" | "broken"): void {
  // A broken one may still have something to say.
  if (how === "sound") client.off("error", ignore);
  client.release(how === "broken");
}

/** A connection that is lost says so to the call that uses it, and once more to whoever listens; nobody would be fatal. */
function ignore(): void {}
