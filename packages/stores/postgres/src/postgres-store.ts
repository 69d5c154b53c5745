import type { Acquired, AcquireRequest, Store } from "@onceover/core";
import { withinDeadline } from "./deadline.js";
import { late } from "./errors.js";
import { createListener } from "./listener.js";
import { checkOptions, type PostgresStoreOptions } from "./options.js";
import { decodeAcquire, decodeFound, decodePage, decodeWritten } from "./reply.js";
import { poolSender, type Row, type Statement } from "./send.js";
import { serverClock } from "./server-clock.js";
import { SETTINGS } from "./sql/settings.js";
import { statementsFor } from "./statements.js";
import { startSweeper } from "./sweeper.js";
import { findingsOf } from "./verify.js";

const PAGE_RECORDS = 100;

/**
 * Keeps idempotency records in Postgres, each in one row and each verb one statement: tier T3. `migrate` makes the table.
 * The pool stays the caller's. Calls reject with `OnceoverError`: `store-unavailable`, `store-full` or `record-unreadable`.
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

  return {
    name: "postgres",
    acquire,
    async renew(key, token, leaseMs) {
      return decodeWritten(await ask(sql.renew, key, token, leaseMs));
    },
    async complete(key, token, record, retentionMs) {
      const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
      return decodeWritten(await ask(sql.complete, key, schema, token, retentionMs, bytes));
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
    async unknowns(cursor = "") {
      checkCursor(cursor);
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
        throw error;
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

function checkCursor(cursor: string): void {
  if (cursor === "" || /^[0-9A-Za-z_-]{1,64}$/.test(cursor)) return;
  throw new TypeError(`cursor must be one that unknowns() gave, got ${JSON.stringify(cursor)}`);
}
