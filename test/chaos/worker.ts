/**
 * One process of the service. Its only argument is its settings as JSON; it prints JSON lines as the workers of the
 * storm do, and notes of the claims it has in the store: `claim <token>` before it makes one, `over <token>` after.
 */

import { writeSync } from "node:fs";
import type { AddressInfo } from "node:net";
import type { OwnerToken, Store } from "@onceover/core";
import type { WorkerMessage } from "../../examples/payments-service/worker.js";
import { openStore, type Place } from "./open-store.js";
import { chaosService } from "./service.js";
import { fileSink, tableSink } from "./sink.js";

/** What a worker is told. */
export interface WorkerSettings {
  readonly place: Place;
  /** The file that effects are written to; absent where they are written in the store's own transaction. */
  readonly ledger?: string;
  readonly leaseMs: number;
  /** How far away the ledger pretends to be, each way, in milliseconds. */
  readonly latencyMs: number;
}

const settings: WorkerSettings = JSON.parse(process.argv[2] ?? "");

const { place, ledger, leaseMs, latencyMs } = settings;
const app = chaosService({
  store: noted(openStore(place).store),
  sink: ledger === undefined ? tableSink(latencyMs) : fileSink(ledger, latencyMs),
  transactional: ledger === undefined,
  leaseMs,
  on(event) {
    if (event.type === "unknown") tell({ event });
  },
});

// At once: while its store is down, it answers 503.
const server = app.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  tell({ ready: { port, pid: process.pid } });
});

/** The same store; whoever listens knows which claims may be open in it. */
function noted(store: Store): Store {
  const over = (token: OwnerToken) => tell({ note: `over ${token}` });
  return {
    ...store,
    async acquire(request) {
      tell({ note: `claim ${request.token}` });
      const acquired = await store.acquire(request);
      if (acquired.outcome !== "acquired") over(request.token);
      return acquired;
    },
    async complete(key, token, record, retentionMs) {
      const written = await store.complete(key, token, record, retentionMs);
      over(token);
      return written;
    },
    async abandon(key, token) {
      const written = await store.abandon(key, token);
      over(token);
      return written;
    },
  };
}

/** Written at once, so that a process that is killed has said what it was about to do. */
function tell(message: WorkerMessage): void {
  try {
    writeSync(1, `${JSON.stringify(message)}\n`);
  } catch {
    // Nobody listens any more: whoever started this process is gone.
    process.exit(1);
  }
}
