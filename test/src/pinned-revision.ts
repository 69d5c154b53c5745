import { createServer } from "node:http";
import { createOnceover, memoryStore, type OnceoverEvent, SHARED_SCOPE, type Store } from "@onceover/core";
import { type KnownPins, type PinOptions, pins } from "@onceover/core/pins";
import {
  createPinKeys,
  type PinKeys,
  type RevisionRegistry,
  type RevisionsOptions,
  revisions,
} from "@onceover/core/revisions";
import { onceover } from "@onceover/express";
import { type NodeForwarder, nodeForward } from "@onceover/node/forward";
import express from "express";
import { listen } from "./listen.js";

/** One revision of a small service, in this process: what it answers says which revision, and which pins, it was made by. */
export interface PinnedRevision {
  readonly url: string;
  readonly port: number;
  /** What was forwarded from here: each revision and address once. */
  readonly sent: ReadonlySet<string>;
  readonly events: readonly OnceoverEvent[];
  /** How often the handler of `POST /pay` ran. */
  runs(): number;
  sign(kind: "pin" | "override", lifetimeMs?: number): Promise<string>;
  revoke(revision: string): Promise<void>;
  setFloor(revision: string): Promise<void>;
  become(state: "serving" | "draining" | "closed"): Promise<void>;
  /** Ends it, announced or not. */
  stop(): Promise<void>;
}

/** What the revisions of one test have in common. */
export interface Fleet {
  readonly store: Store;
  readonly registry: RevisionRegistry;
  readonly keys: PinKeys;
}

/** Options of `startPinnedRevision`. */
export interface PinnedRevisionOptions extends Pick<PinOptions, "accepts" | "required"> {
  readonly fleet: Fleet;
  readonly revision: string;
  readonly writes: KnownPins;
  readonly more?: Partial<RevisionsOptions>;
}

/** The keys of a test's service. */
export function testKeys(service = "search", id = "k1", fill = 7): PinKeys {
  return createPinKeys({ service, keys: [{ id, secret: new Uint8Array(32).fill(fill) }] });
}

/** Starts and announces a revision. */
export async function startPinnedRevision(options: PinnedRevisionOptions): Promise<PinnedRevision> {
  const { fleet, revision, writes, accepts, required, more } = options;
  const app = express();
  const server = createServer(app);
  const { url, close } = await listen(server);
  const sent = new Set<string>();
  const events: OnceoverEvent[] = [];
  const once = createOnceover<express.Request>({
    service: "search",
    revision,
    store: fleet.store,
    scope: SHARED_SCOPE,
    on: (event) => events.push(event),
    pins: pins({
      writes,
      accepts,
      required,
      revisions: revisions({
        registry: fleet.registry,
        keys: fleet.keys,
        address: url,
        addresses: ({ hostname }) => hostname === "127.0.0.1",
        forwarder: noting(sent, nodeForward()),
        heartbeatMs: 200,
        ...more,
      }),
    }),
  });
  let runs = 0;
  app.disable("x-powered-by");
  app.use(onceover(once));
  app.get("/stream", (_, response) => {
    response.type("text/event-stream");
    response.end(`id: 1\ndata: ${revision}\n\n`);
  });
  app.get("/{*any}", (request, response) => {
    const { control } = request.query;
    if (typeof control === "string") response.setHeader("Cache-Control", control);
    response.json({ revision, asked: request.pinned?.asked });
  });
  app.post("/pay", (_, response) => {
    runs += 1;
    response.status(201).json({ revision });
  });
  const announcing = await once.pins.announce();
  return {
    url,
    port: Number(new URL(url).port),
    sent,
    events,
    runs: () => runs,
    sign: (kind, lifetimeMs = 60_000) => once.pins.sign(kind, revision, lifetimeMs),
    revoke: once.pins.revoke,
    setFloor: once.pins.setFloor,
    become: announcing.become,
    async stop() {
      await announcing.stop();
      await close();
    },
  };
}

/** A fleet over memory. */
export function memoryFleet(registry: RevisionRegistry): Fleet {
  return { store: memoryStore(), registry, keys: testKeys() };
}

/** A forwarder that notes to whom it sent. */
function noting(sent: Set<string>, forwarder: NodeForwarder): NodeForwarder {
  return {
    ...forwarder,
    async node(request, response, target) {
      sent.add(`${target.revision} ${target.address}`);
      await forwarder.node(request, response, target);
    },
  };
}
