import type { AcquireRequest, Begun, RunningRecord } from "@onceover/core";
import type { Pool, PoolClient } from "pg";
import { borrow, giveBack } from "./borrow.js";
import { withinDeadline } from "./deadline.js";
import { late, serverCode, storeError, wasOutrun } from "./errors.js";
import { decodeAcquire } from "./reply.js";
import { type Row, type Statement, sendOver } from "./send.js";
import { BEGIN } from "./sql/transaction.js";
import { openTransaction, type TransactionContext } from "./transaction.js";

/** What `begin` needs of the store. */
export interface BeginContext {
  readonly pool: Pool;
  deadline(): number;
  /** The claim; `lockTimeout` is the setting that the handler's statements go on with. */
  acquire(request: AcquireRequest, endMs: number, lockTimeout: string): Statement;
  /** The server said what time it is, in answer to something sent at `sentMs`. */
  learn(row: Row | undefined, sentMs: number): void;
  transaction(request: AcquireRequest): TransactionContext;
}

/** Another transaction has the row, and did not end in time (lock_not_available). */
const LOCKED = "55P03";
const LONGEST_TIMEOUT_MS = 2_147_483_647;

/** Claims the key inside a transaction. What is acquired keeps its connection; whatever else is found gives it back. */
export async function begin(context: BeginContext, request: AcquireRequest, waitMs: number): Promise<Begun> {
  const endMs = context.deadline();
  for (;;) {
    const client = await borrow(context.pool, endMs);
    const found = await claim(context, client, request, waitMs, endMs);
    if (found !== undefined) return found;
    if (performance.now() >= endMs) throw late();
  }
}

/** One transaction's attempt; `undefined` says that another one may tell more. */
async function claim(
  context: BeginContext,
  client: PoolClient,
  request: AcquireRequest,
  waitMs: number,
  endMs: number,
): Promise<Begun | undefined> {
  let statement: Statement | undefined;
  try {
    const lockTimeout = await open(client, waitMs, request.leaseMs, endMs);
    statement = context.acquire(request, endMs, lockTimeout);
    const sentMs = performance.now();
    // If we die here, the server rolls back: nothing was claimed.
    const row = (await sendOver(client, statement, endMs)).rows[0];
    context.learn(row, sentMs);
    const reply = decodeAcquire(row);
    if (reply.outcome === "found" && reply.found.outcome === "acquired") {
      return { ...reply.found, transaction: openTransaction(client, context.transaction(request)) };
    }
    dismiss(client, endMs);
    return reply.outcome === "found" && reply.found.outcome !== "acquired" ? reply.found : undefined;
  } catch (error) {
    const isLocked = serverCode(error) === LOCKED;
    if (isLocked || wasOutrun(error)) {
      dismiss(client, endMs);
      return isLocked ? runningUnseen(request) : undefined;
    }
    giveBack(client, "broken");
    throw storeError(error, statement?.values);
  }
}

/** Opens the transaction and answers the lock_timeout that it found. */
async function open(client: PoolClient, waitMs: number, leaseMs: number, endMs: number): Promise<string> {
  // Half of what is left, so that there is time to say so.
  const lockMs = Math.min(waitMs, (endMs - performance.now()) / 2);
  const text = BEGIN(wholeMs(lockMs), wholeMs(leaseMs));
  const results: unknown = await withinDeadline(endMs, client.query(text));
  const row: unknown = Array.isArray(results) ? results[1]?.rows[0] : undefined;
  return String(Object(row).lock_timeout);
}

/** A setting of 0 would mean for ever. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.min(Math.floor(ms), LONGEST_TIMEOUT_MS));
}

/** Ends a transaction that has done nothing. Nobody waits for it. */
function dismiss(client: PoolClient, endMs: number): void {
  sendOver(client, { text: "ROLLBACK", values: [] }, endMs).then(
    () => giveBack(client, "sound"),
    () => giveBack(client, "broken"),
  );
}

/** Nobody but its owner can see the run, nor what it was asked for: it is taken for the same request until it is seen. */
function runningUnseen({ fingerprint, leaseMs }: AcquireRequest): RunningRecord {
  return { outcome: "running", fingerprint, leaseLeftMs: leaseMs };
}
