import { OnceoverError, type Transaction, type Written } from "@onceover/core";
import type { PoolClient } from "pg";
import { giveBack } from "./borrow.js";
import { rolledBack, serverCode } from "./errors.js";
import { guardClient } from "./guarded-client.js";
import { type Row, type Statement, sendOver } from "./send.js";
import { KEEP } from "./sql/transaction.js";

/** What a transaction needs of the store. */
export interface TransactionContext {
  /** When a call that begins now must be over, on the monotonic clock. */
  deadline(): number;
  /** Writes the record; answers one row: written, unreadable, xid. */
  complete(record: Uint8Array, retentionMs: number): Statement;
  /** Finds out, over other connections, what became of a transaction whose COMMIT failed or was not answered. */
  fate(xid: string): Promise<"committed" | "rolled-back">;
}

/** How an attempt to commit ended. */
type Ending =
  | { readonly outcome: "committed" }
  | { readonly outcome: "rolled-back"; readonly error: OnceoverError }
  | { readonly outcome: "in-doubt"; readonly xid: string; readonly error: unknown };

/** The run of a claim that was made over `client`, whose transaction is open. */
export function openTransaction(client: PoolClient, context: TransactionContext): Transaction {
  return new OpenTransaction(client, context);
}

/**
 * A class, because it changes for as long as a handler runs. The connection goes back to the pool with the end of the
 * transaction and never before; one that was lost goes at once, and its server rolls back.
 */
class OpenTransaction implements Transaction {
  readonly client: PoolClient;
  readonly #connection: PoolClient;
  readonly #context: TransactionContext;
  /** Why the client is of no use any more: the error that its uses fail with. */
  #over: OnceoverError | undefined;
  #isHeld = true;
  #isKeeping = false;
  #ending: Promise<Ending> | undefined;

  constructor(connection: PoolClient, context: TransactionContext) {
    this.#connection = connection;
    this.#context = context;
    this.client = guardClient(connection, () => this.#over);
    connection.on("error", this.#lose);
  }

  async renew(): Promise<Written> {
    if (this.#over !== undefined) return "stale";
    if (!this.#isKeeping) this.#keep();
    return "ok";
  }

  async complete(record: Uint8Array, retentionMs: number): Promise<"ok"> {
    this.#ending ??= this.#end(record, retentionMs);
    const settled = await this.#settle(await this.#ending);
    this.#ending = Promise.resolve(settled);
    if (settled.outcome === "rolled-back") throw settled.error;
    return "ok";
  }

  async abandon(): Promise<void> {
    // A commit that is under way is not to be taken back.
    if (this.#ending !== undefined) return;
    this.#ending = this.#undo(rolledBack("it was abandoned"), this.#context.deadline());
    await this.#ending;
  }

  /** It is not waited for: a statement of the handler's may take its time, and while one runs the server is not idle. */
  #keep(): void {
    this.#isKeeping = true;
    const done = () => {
      this.#isKeeping = false;
    };
    // In a transaction in which a statement has failed it fails, too, and is heard all the same.
    this.#connection.query(KEEP).then(done, done);
  }

  async #end(record: Uint8Array, retentionMs: number): Promise<Ending> {
    const endMs = this.#context.deadline();
    if (this.#over !== undefined) return { outcome: "rolled-back", error: this.#over };
    this.#close();
    const statement = this.#context.complete(record, retentionMs);
    let row: Row | undefined;
    try {
      // If we die here, the server rolls back: nothing has happened, and the key is free.
      row = (await sendOver(this.#connection, statement, endMs)).rows[0];
    } catch (error) {
      // Behind a statement of the handler's that takes longer than there is time, a ROLLBACK would be stuck, too.
      if (error instanceof OnceoverError) this.#part("broken");
      return this.#undo(rolledBack("its record could not be written", error, statement.values), endMs);
    }
    if (row?.written === "true" && row.xid) return this.#commit(row.xid, endMs);
    await this.#rollBack(endMs);
    throw endedElsewhere();
  }

  async #commit(xid: string, endMs: number): Promise<Ending> {
    try {
      // If we die here, effects and record are both there or neither; whoever asks for the key is told which.
      const { command } = await sendOver(this.#connection, { text: "COMMIT", values: [] }, endMs);
      this.#part("sound");
      if (command === "COMMIT") return { outcome: "committed" };
      return { outcome: "rolled-back", error: rolledBack("a statement in it had failed") };
    } catch (error) {
      // A server that refuses goes on talking; but so does a pooler whose server was lost, and that may have committed.
      if (serverCode(error) === undefined) this.#part("broken");
      else await this.#rollBack(endMs);
      return { outcome: "in-doubt", xid, error };
    }
  }

  /** What is in doubt stays so until it was found out; it may be asked for again. */
  async #settle(ended: Ending): Promise<Ending> {
    if (ended.outcome !== "in-doubt") return ended;
    const fate = await this.#context.fate(ended.xid);
    if (fate === "committed") return { outcome: "committed" };
    return { outcome: "rolled-back", error: rolledBack("it could not commit", ended.error) };
  }

  async #undo(error: OnceoverError, endMs: number): Promise<Ending> {
    this.#close();
    await this.#rollBack(endMs);
    return { outcome: "rolled-back", error };
  }

  /** Takes everything back. Where the server does not say so, the connection goes, and the server rolls back all the same. */
  async #rollBack(endMs: number): Promise<void> {
    if (!this.#isHeld) return;
    try {
      await sendOver(this.#connection, { text: "ROLLBACK", values: [] }, endMs);
      this.#part("sound");
    } catch {
      // Lost, or stuck behind a statement of the handler's.
      this.#part("broken");
    }
  }

  /** The handler's part is over, whatever becomes of ours. */
  #close(): void {
    this.#over ??= new OnceoverError("misuse", "once.tx was used after the transaction of its run had ended");
  }

  #part(how: "sound" | "broken"): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#connection.off("error", this.#lose);
    giveBack(this.#connection, how);
  }

  readonly #lose = (error: Error): void => {
    this.#over ??= rolledBack("its connection was lost", error);
    this.#part("broken");
  };
}

/**
 * The record is not this transaction's: somebody ended that one behind our back, or the record's retention is over. What
 * the handler wrote may be there.
 */
function endedElsewhere(): OnceoverError {
  return new OnceoverError("store-unavailable", "the transaction of the run was ended by somebody else");
}
