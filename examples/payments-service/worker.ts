/**
 * One process of the service:
 * `node --conditions onceover-src --import tsx examples/payments-service/worker.ts --ledger ledger.jsonl --lmdb records.lmdb`.
 * With `--schema-rev`, `--accepts` and `--index` it is one of several revisions side by side, which find each other where the records are.
 * It prints JSON lines: `{"ready":{"port":…,"pid":…}}`, `{"event":…}` and, where it cannot start, `{"failed":"…"}`. On SIGTERM it lets
 * nobody down, prints `{"report":…}`, and ends; `--leave` has the times for that.
 */

import { writeSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import type { Announcing, OnceoverEvent } from "@onceover/core";
import type { DrainReport } from "@onceover/core/drain";
import { revisions } from "@onceover/core/revisions";
import { type DrainOptions, drainable } from "@onceover/node";
import { nodeForward } from "@onceover/node/forward";
import { type Build, pinKeys } from "./build.js";
import { openLedger } from "./ledger.js";
import { openRecords } from "./records.js";
import { paymentsService, type ServiceOptions } from "./service.js";
import { FEED } from "./streams.js";
import { MERCHANTS, WEBHOOK_SECRET } from "./test-account.js";

/** What a worker prints. */
export type WorkerMessage =
  | { readonly ready: { readonly port: number; readonly pid: number } }
  | { readonly event: OnceoverEvent }
  | { readonly note: string }
  | { readonly report: DrainReport }
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
    "schema-rev": { type: "string" },
    accepts: { type: "string", default: "" },
    index: { type: "string", default: "" },
    "heartbeat-ms": { type: "string", default: "5000" },
    "lease-ms": { type: "string", default: "15000" },
    "latency-ms": { type: "string", default: "0" },
    leave: { type: "string", default: "{}" },
  },
});

/** How the worker leaves: the times of a drain, as JSON. */
export type LeaveOptions = Pick<DrainOptions, "plan" | "retryMs">;

const leave: LeaveOptions = JSON.parse(values.leave);
const records = await openRecords(values);
const server = createServer();
// First of all it has an address, which it announces to the others.
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  start(port).catch((error: unknown) => {
    tell({ failed: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  });
});

async function start(port: number): Promise<void> {
  const ledger = openLedger(values.ledger, { latencyMs: Number(values["latency-ms"]) });
  const { app, once } = paymentsService({
    store: records.store,
    ledger,
    revision: values.revision,
    sideBySide: sideBySide(port),
    merchants: MERCHANTS,
    webhookSecret: WEBHOOK_SECRET,
    leaseMs: Number(values["lease-ms"]),
    on: (event) => tell({ event }),
  });
  let announced: Announcing | undefined;
  const drain = drainable(server, once, {
    ...leave,
    isEndless: ({ url }) => url === FEED,
    onHold: () => announced?.become("draining"),
    async onClosed() {
      void drain.start().then((report) => tell({ report }));
      await announced?.stop();
      await records.close();
      ledger.close();
    },
  });
  server.on("request", (request, response) => drain.endpoints(request, response, () => app(request, response)));
  await once.ready();
  announced = await once.pins?.announce();
  tell({ ready: { port, pid: process.pid } });
}

function sideBySide(port: number): ServiceOptions["sideBySide"] {
  if (values["schema-rev"] === undefined) return undefined;
  const build: Build = {
    revision: values.revision,
    schemaRev: Number(values["schema-rev"]),
    accepts: values.accepts.split(",").map(Number),
    indexHash: values.index,
  };
  const among = revisions({
    registry: records.registry(),
    keys: pinKeys(),
    address: `http://127.0.0.1:${port}`,
    addresses: ({ hostname }) => hostname === "127.0.0.1",
    forwarder: nodeForward({ headersTimeoutMs: 5_000 }),
    heartbeatMs: Number(values["heartbeat-ms"]),
  });
  return { build, revisions: among };
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
