/** Every adapter over one store. Memory, LMDB and a single Redis are in each adapter's own tests. */
import { describeAdapter } from "@onceover/conformance";
import { afterAll, describe, vi } from "vitest";
import { startExpress } from "../../packages/adapters/express/test/start-express.js";
import { startFastify } from "../../packages/adapters/fastify/test/start-fastify.js";
import { startFetch } from "../../packages/adapters/fetch/test/start-fetch.js";
import { startHono } from "../../packages/adapters/hono/test/start-hono.js";
import { startNode } from "../../packages/adapters/node/test/start-node.js";
import type { StoreOpener } from "./store-openers.js";

/** What a store's own client keeps open is not the adapter's: whether that leaves anything behind is counted without a server. */
const BESIDE_A_SERVER = { resourceCounts: false };
const ON_NODE = { bodyParser: true, sendFile: true, nodeResponse: true, ...BESIDE_A_SERVER };
const ON_FETCH = { sendFile: false, nodeResponse: false, ...BESIDE_A_SERVER };
const BARE = { bodyParser: false, sendFile: false } as const;

const ADAPTERS = [
  ["node:http", { start: startNode, capabilities: { ...ON_NODE, ...BARE } }],
  ["express", { start: startExpress, capabilities: ON_NODE }],
  ["fastify", { start: startFastify, capabilities: ON_NODE }],
  ["fetch", { start: startFetch, capabilities: { ...ON_FETCH, ...BARE } }],
  ["hono", { start: startHono, capabilities: { ...ON_FETCH, bodyParser: true } }],
] as const;

/** Tries every adapter over the stores that `opener` opens, and ends it. */
export function describeAdaptersOver(name: string, opener: StoreOpener): void {
  // The server under fetch and Hono prints each answer that is cut off.
  vi.spyOn(console, "error").mockImplementation(() => {});
  afterAll(() => opener.end());
  // Each adapter has a case that waits for seconds; all of them at once wait no longer.
  describe.concurrent(name, () => {
    for (const [adapter, suite] of ADAPTERS) {
      // Pins know nothing of stores, and each adapter proves them in its own tests.
      describeAdapter(`${adapter} over ${name}`, { ...suite, openStore: opener.openStore, pins: false });
    }
  });
}
