/** Where effects happen: outside of the store, or, where the two share a transaction, within it. */

import type { Once } from "@onceover/core";
import type { PoolClient } from "pg";
import type { Effect, LedgerRun, Settled } from "../../examples/payments-service/ledger.js";
import { openLedger } from "../../examples/payments-service/ledger.js";

/** Where effects happen. */
export interface Sink {
  /** Makes the effect of a run happen, unless `settle` closed the run before. */
  take(run: Once, effect: Omit<Effect, "id">): Promise<Effect | "closed">;
  /** Finds out what became of a run, and closes it if it had not begun. */
  settle(run: LedgerRun): Settled;
}

/** A file that all processes append to. `latencyMs`: how far away it pretends to be, each way. */
export function fileSink(path: string, latencyMs: number): Sink {
  const { take, settle } = openLedger(path, { latencyMs });
  return { take: (run, effect) => take({ effectKey: run.effectKey("pay"), attempt: run.attempt }, effect), settle };
}

/** The table of effects of a Postgres that also holds the records. */
export const EFFECTS_TABLE = "CREATE TABLE effects (id text, scope text, key text, details jsonb)";

/** That table, written to in the run's own transaction. Nothing in it is unknown, so that nobody asks what became of a run. */
export function tableSink(latencyMs: number): Sink {
  const pause = () => new Promise((resolve) => setTimeout(resolve, latencyMs));
  return {
    async take(run, { kind, scope, key, details }) {
      const id = crypto.randomUUID();
      // What a mount with `transactional: true` over Postgres gives.
      const tx = run.tx as PoolClient;
      await pause();
      await tx.query("INSERT INTO effects VALUES ($1, $2, $3, $4)", [id, scope, key, JSON.stringify(details)]);
      await pause();
      return { id, kind, scope, key, details };
    },
    settle: () => ({ outcome: "open" }),
  };
}
