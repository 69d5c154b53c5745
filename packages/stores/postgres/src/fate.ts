import { late, onReplica, serverCode } from "./errors.js";
import type { Row, Send } from "./send.js";
import { STATUS } from "./sql/transaction.js";

/** How often it is asked, in milliseconds. */
const PAUSE_MS = 50;
/** What a server answers about an id that it has not given yet (invalid_parameter_value). */
const NEVER_GIVEN = "22023";

/** What can be told of a transaction now. */
type Sight = "committed" | "rolled-back" | "unclear";

/** A transaction, and the statement that looks for its record: `settled`. */
export interface Lost {
  readonly xid: string;
  readonly key: string;
  readonly token: string;
  readonly settled: string;
}

/**
 * Finds out what became of a transaction whose COMMIT failed or was not answered. Rejects as store-unavailable where that is not
 * clear by `endMs`.
 *
 * Once the transaction is over, the record decides. Its id alone does not: a server that crashed may give the id of a
 * transaction that it lost to another one.
 */
export async function fateOf(send: Send, lost: Lost, endMs: number): Promise<"committed" | "rolled-back"> {
  for (;;) {
    // While the server restarts it cannot be asked; it is asked again.
    const sight = await look(send, lost, endMs).catch((): Sight => "unclear");
    if (sight !== "unclear") return sight;
    if (performance.now() + PAUSE_MS >= endMs) throw late();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function look(send: Send, { xid, key, token, settled }: Lost, endMs: number): Promise<Sight> {
  const status = await statusOf(send, xid, endMs);
  if (status === "in progress") return "unclear";
  const { rows } = await send({ text: settled, values: [key, token] }, endMs);
  if (rows[0]?.recovering === "true") throw onReplica();
  if (rows[0]?.settled === "true") return "committed";
  // Committed without its record: the id is another one's by now, or the record has been deleted.
  return status === "committed" ? "unclear" : "rolled-back";
}

/** `undefined` where the server knows nothing of it: it never came to know it, or long ago, or lost it in a crash. */
async function statusOf(send: Send, xid: string, endMs: number): Promise<Row[string]> {
  try {
    return (await send({ text: STATUS, values: [xid] }, endMs)).rows[0]?.status;
  } catch (error) {
    if (error instanceof Error && serverCode(error.cause) === NEVER_GIVEN) return undefined;
    throw error;
  }
}
