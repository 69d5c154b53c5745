/**
 * One revision of the search service, in a process of its own. Its only argument is its settings as JSON; it prints JSON lines
 * as the workers of the storm do. `POST /replace-index` replaces its index: the new one is loaded beside the old one, said to be
 * the one, and the old one goes when nobody has it any more; the answer comes then.
 */

import { writeSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createOnceover, type OnceoverEvent } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { createPinKeys, type Revisions, revisions } from "@onceover/core/revisions";
import { nodeForward } from "@onceover/node/forward";
import { redisRegistry, redisStore } from "@onceover/redis";
import type { Request } from "express";
import { Redis } from "ioredis";
import { openLedgerFile } from "../../examples/payments-service/ledger-file.js";
import { createLiveIndex } from "./live-index.js";
import { buildIndex, hashOf } from "./search-index.js";
import { callerOf, searchService } from "./service.js";
import { createShelf } from "./shelf.js";

/** What a worker is told. */
export interface WorkerSettings {
  readonly revision: string;
  readonly schemaRev: number;
  readonly accepts: readonly number[];
  /** The states of the texts that it has an index of: of the first one from the start, of a second one when it is told to. */
  readonly corpora: readonly [string, string?];
  readonly redis: string;
  readonly ledger: string;
  readonly heartbeatMs: number;
}

const { revision, schemaRev, accepts, corpora, redis, ledger, heartbeatMs }: WorkerSettings = JSON.parse(
  process.argv[2] ?? "",
);
/** How long the new index is there, and not yet the one, in milliseconds. */
const WARM_UP_MS = 500;
const client = new Redis(redis);
const orders = openLedgerFile(ledger);
const shelf = createShelf();
const first = await buildIndex(corpora[0]);
const live = createLiveIndex(shelf, first);

const server = createServer();
server.listen(0, "127.0.0.1", () => void start((server.address() as AddressInfo).port));

async function start(port: number): Promise<void> {
  const hashes = await Promise.all(corpora.flatMap((corpus) => (corpus === undefined ? [] : hashOf(corpus))));
  const once = createOnceover<Request>({
    service: "search",
    revision,
    store: redisStore({ client }),
    scope: callerOf,
    pins: pins({
      writes: { schemaRev, indexHash: first.hash },
      accepts: { schemaRev: accepts, indexHash: hashes },
      read: live.read,
      revisions: revisionsAt(port),
    }),
    on: tellEvent,
  });
  const app = searchService({ once, shelf, schemaRev, take: orders.append, searchMs: 3, tokenMs: 100 });
  server.on("request", (request, response) => {
    if (request.url !== "/replace-index") return void app(request, response);
    void replace(once.pins.refresh).then((left) => response.end(JSON.stringify(left)));
  });
  await once.ready();
  await once.pins.announce();
  tell({ ready: { port, pid: process.pid } });
}

async function replace(refresh: () => Promise<unknown>): Promise<string[]> {
  const next = await buildIndex(corpora[1] ?? corpora[0]);
  shelf.put(next);
  await sleep(WARM_UP_MS);
  await live.replace(next.hash, refresh);
  return shelf.hashes();
}

function revisionsAt(port: number): Revisions {
  return revisions({
    registry: redisRegistry({ client }),
    keys: createPinKeys({ service: "search", keys: [{ id: "test", secret: new Uint8Array(32).fill(9) }] }),
    address: `http://127.0.0.1:${port}`,
    addresses: ({ hostname }) => hostname === "127.0.0.1",
    forwarder: nodeForward({ headersTimeoutMs: 30_000 }),
    heartbeatMs,
  });
}

function tellEvent(event: OnceoverEvent): void {
  if (event.type === "routed" || event.type === "refused") tell({ event });
}

function tell(message: object): void {
  try {
    writeSync(1, `${JSON.stringify(message)}\n`);
  } catch {
    // Nobody listens any more: whoever started this process is gone.
    process.exit(1);
  }
}
