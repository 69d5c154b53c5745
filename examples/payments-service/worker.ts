/**
 * One process of the service:
 * `node --conditions onceover-src --import tsx examples/payments-service/worker.ts --ledger ledger.jsonl --lmdb records.lmdb`.
 * It prints JSON lines: `{"ready":{"port":…,"pid":…}}`, `{"event":…}` and, where it cannot start, `{"failed":"…"}`.
 */

import { writeSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import type { OnceoverEvent, Store } from "@onceover/core";
import { lmdbStore } from "@onceover/lmdb";
import { postgresStore } from "@onceover/postgres";
import { redisStore } from "@onceover/redis";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { openLedger } from "./ledger.js";
import { paymentsService } from "./service.js";
import { MERCHANTS, WEBHOOK_SECRET } from "./test-account.js";

/** What a worker prints. */
export type WorkerMessage =
  | { readonly ready: { readonly port: number; readonly pid: number } }
  | { readonly event: OnceoverEvent }
  | { readonly note: string }
  | { readonly failed: string };

const { values } = parseArgs({
  options: {
    ledger: { type: "string", default: "ledger.jsonl" },
    lmdb: { type: "string", default: "records.lmdb" },
    redis: { type: "string" },
    prefix: { type: "string", default: "payments:" },
    postgres: { type: "string" },
    schema: { type: "string", default: "payments" },
    revision: { type: "string", default: "r1" },
    "lease-ms": { type: "string", default: "15000" },
    "latency-ms": { type: "string", default: "0" },
  },
});

const { app, once } = paymentsService({
  store: openStore(),
  ledger: openLedger(values.ledger, { latencyMs: Number(values["latency-ms"]) }),
  revision: values.revision,
  merchants: MERCHANTS,
  webhookSecret: WEBHOOK_SECRET,
  leaseMs: Number(values["lease-ms"]),
  on: (event) => tell({ event }),
});

once.ready().then(listen, (error: unknown) => {
  tell({ failed: error instanceof Error ? error.message : String(error) });
  process.exit(1);
});

function listen(): void {
  const server = app.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    tell({ ready: { port, pid: process.pid } });
  });
}

function openStore(): Store {
  if (values.redis !== undefined) return overRedis(values.redis, values.prefix);
  if (values.postgres !== undefined) return overPostgres(values.postgres, values.schema);
  return lmdbStore({ path: values.lmdb });
}

function overPostgres(url: string, schema: string): Store {
  const pool = new Pool({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // Every call of the store says for itself what failed.
  pool.on("error", () => {});
  return postgresStore({ pool, schema });
}

function overRedis(url: string, prefix: string): Store {
  const client = new Redis(url);
  // Every call of the store says for itself what failed.
  client.on("error", () => {});
  return redisStore({ client, prefix });
}

/** Written at once, so that a process that is killed has said what it saw. */
function tell(message: WorkerMessage): void {
  try {
    writeSync(1, `${JSON.stringify(message)}\n`);
  } catch {
    // Nobody listens any more: whoever started this process is gone.
    process.exit(1);
  }
}
