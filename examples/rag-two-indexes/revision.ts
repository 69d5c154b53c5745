/**
 * One process of the service:
 * `PIN_SECRET=… node --conditions onceover-src --import tsx examples/rag-two-indexes/revision.ts --revision r1 --folder /tmp/rag`.
 * It prints one line of JSON when it is up. On SIGTERM it says that it leaves, finishes what it has begun, and ends.
 */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createPinKeys } from "@onceover/core/revisions";
import { lmdbRegistry, lmdbStore } from "@onceover/lmdb";
import { BUILDS, type ExampleRevision } from "./builds.js";
import { ragService } from "./service.js";

/** What a process prints when it is up. */
export interface RevisionReady {
  readonly url: string;
  readonly indexHash: string;
  readonly modelTag: string;
}

const { values } = parseArgs({
  options: {
    revision: { type: "string", default: "r1" },
    folder: { type: "string", default: "." },
    "pace-ms": { type: "string", default: "30" },
  },
});

await serve(revisionOf(values.revision), values.folder, Number(values["pace-ms"]));

async function serve(revision: ExampleRevision, folder: string, paceMs: number): Promise<void> {
  const index = await BUILDS[revision]();
  const server = createServer();
  const address = await listen(server);
  const records = join(folder, "records.lmdb");
  const { app, once } = ragService({
    revision,
    index,
    store: lmdbStore({ path: records }),
    registry: lmdbRegistry({ path: records }),
    keys: createPinKeys({ service: "rag", keys: [{ id: "k1", secret: process.env.PIN_SECRET ?? "" }] }),
    address,
    inbox: join(folder, "inbox.jsonl"),
    paceMs,
  });
  server.on("request", app);
  await once.ready();
  const announcing = await once.pins.announce();
  process.once("SIGTERM", () => void leave(server, () => announcing.stop()));
  // Whoever has started this process holds the other end, and is gone.
  process.stdin.resume().once("end", () => process.exit());
  const ready: RevisionReady = { url: address, indexHash: index.hash, modelTag: index.model };
  console.log(JSON.stringify(ready));
}

/** The others know before the last request is answered: those that follow are not sent here any more. */
async function leave(server: Server, stop: () => Promise<void>): Promise<void> {
  await stop();
  server.close(() => process.exit());
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve(`http://127.0.0.1:${port}`);
    });
  });
}

function revisionOf(name: string): ExampleRevision {
  if (name === "r1" || name === "r2") return name;
  throw new TypeError(`--revision must be r1 or r2, got ${name}`);
}
