import type { Acquired, AcquireRequest, Store } from "@onceover/core";
import { type BeginContext, begin } from "./begin.js";
import { withinDeadline } from "./deadline.js";
import { late, storeError } from "./errors.js";
import { fateOf } from "./fate.js";
import { createListener } from "./listener.js";
import { checkOptions, type PostgresStoreOptions } from "./options.js";
import { decodeAcquire, decodeForgotten, decodeFound, decodePage, decodeWritten } from "./reply.js";
import { poolSender, type Row, type Statement } from "./send.js";
import { serverClock } from "./server-clock.js";
import { SETTINGS } from "./sql/settings.js";
import { statementsFor } from "./statements.js";
import { startSweeper } from "./sweeper.js";
import { findingsOf } from "./verify.js";

const PAGE_RECORDS = 100;
const PAGE_FORGOTTEN = 500;

/**
 * Keeps idempotency records in Postgres, each in one row and each verb one statement: tier T3, and T4 on mounts with
 * `transactional: true`. `migrate` makes the table. The pool stays the caller's. Calls reject with `OnceoverError`:
 * `store-unavailable`, `store-full`, `record-unreadable`, or `rolled-back` where a transaction completes.
 *
 * @throws TypeError where an option breaks its rule
 */
export function postgresStore(options: PostgresStoreOptions): Store {
  checkOptions(options);
  const { pool, schema = "onceover", timeoutMs = 1000 } = options;
  const sql = statementsFor(schema);
  const send = poolSender(pool);
  const clock = serverClock();
  const listener = createListener(pool, schema);
  const deadline = () => performance.now() + timeoutMs;
  const stopSweeping = startSweeper(async (size) => Number((await ask(sql.sweep, size))?.swept));

  /** Runs a statement that answers one row. */
  async function ask(text: string, ...values: Statement["values"]): Promise<Row | undefined> {
    return (await send({ text, values }, deadline())).rows[0];
  }

  async function acquire(request: AcquireRequest): Promise<Acquired> {
    const endMs = deadline();
    for (;;) {
      const values = acquireValues(request, clock.at(endMs));
      const { rows, sentMs } = await send({ text: sql.acquire, values }, endMs);
      clock.learn(Number(rows[0]?.server_ms), sentMs);
      const reply = decodeAcquire(rows[0]);
      if (reply.outcome === "found") return reply.found;
      // The server's clock is not the one we knew: it was set, or another server took over. Or it really is too late.
      if (performance.now() >= endMs) throw late();
    }
  }

  const transactions: BeginContext = {
    pool,
    deadline,
    acquire: (request, endMs, lockTimeout) => ({
      text: sql.acquireWithin,
      values: [...acquireValues(request, clock.at(endMs)), lockTimeout],
    }),
    learn: (row, sentMs) => clock.learn(Number(row?.server_ms), sentMs),
    transaction: ({ key, token }) => ({
      deadline,
      complete: (record, retentionMs) => ({
        text: sql.completeWithin,
        values: [key, schema, token, retentionMs, bufferOf(record)],
      }),
      fate: (xid) => fateOf(send, { xid, key, token, settled: sql.settled }, deadline()),
    }),
  };

  return {
    name: "postgres",
    acquire,
    begin: (request, waitMs) => begin(transactions, request, waitMs),
    async renew(key, token, leaseMs) {
      return decodeWritten(await ask(sql.renew, key, token, leaseMs));
    },
    async complete(key, token, record, retentionMs) {
      return decodeWritten(await ask(sql.complete, key, schema, token, retentionMs, bufferOf(record)));
    },
    async abandon(key, token) {
      return decodeWritten(await ask(sql.abandon, key, schema, token));
    },
    async read(key) {
      return decodeFound(await ask(sql.read, key));
    },
    async forget(key) {
      return decodeWritten(await ask(sql.forget, key, schema)) === "ok" ? "ok" : "none";
    },
    async forgetScope(scope, cursor = "") {
      checkCursor("forgetScope", cursor);
      return decodeForgotten(await ask(sql.forgetScope, scope, schema, cursor, PAGE_FORGOTTEN), PAGE_FORGOTTEN);
    },
    async unknowns(cursor = "") {
      checkCursor("unknowns", cursor);
      const { rows } = await send({ text: sql.unknowns, values: [cursor, PAGE_RECORDS] }, deadline());
      return decodePage(rows, PAGE_RECORDS);
    },
    async watch(key, changed) {
      const { begun, leave } = listener.listen(key, changed);
      try {
        await withinDeadline(deadline(), begun);
        // Only now: whoever ends the run from here on tells.
        decodeWritten(await ask(sql.watch, key));
        return leave;
      } catch (error) {
        leave();
        throw storeError(error);
      }
    },
    async verify() {
      const { rows, sentMs } = await send({ text: SETTINGS, values: [schema] }, deadline());
      const settings = rows[0] ?? {};
      clock.learn(Number(settings.server_ms), sentMs);
      return findingsOf(settings);
    },
    async close() {
      stopSweeping();
      listener.close();
    },
  };
}

function acquireValues(request: AcquireRequest, notAfter: string): Statement["values"] {
  const { key, token, fingerprint, leaseMs, retentionMs, takeOver } = request;
  const wanted = takeOver === undefined ? "" : takeOver === true ? "any" : String(takeOver);
  return [key, token, fingerprint, leaseMs, retentionMs, wanted, notAfter];
}

function bufferOf(record: Uint8Array): Buffer {
  return Buffer.from(record.buffer, record.byteOffset, record.byteLength);
}

function checkCursor(verb: string, cursor: string): void {
  if (cursor === "" || /^[0-9A-Za-z_-]{1,64}$/.test(cursor)) return;
  throw new TypeError(`cursor must be one that ${verb}() gave, got ${JSON.stringify(cursor)}`);
}
