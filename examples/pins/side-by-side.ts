import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createOnceover, type PinnedOnceover } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { type AllowedAddresses, createPinKeys, revisions } from "@onceover/core/revisions";
import { onceover } from "@onceover/express";
import { nodeForward } from "@onceover/node/forward";
import { redisRegistry, redisStore } from "@onceover/redis";
import express, { type Express, type Request } from "express";
import type { Redis } from "ioredis";

/** What differs between the instances of a service. */
export interface InstanceOptions {
  readonly client: Redis;
  readonly revision: string;
  readonly indexHash: string;
  /** Where the other instances reach this one. */
  readonly address: string;
  /** Where any instance may send requests: `["http://*.search.internal:8080"]`. */
  readonly addresses: AllowedAddresses;
  /** `openssl rand -base64 32`; the same in all instances. */
  readonly secret: string;
}

/** One instance of a service whose revisions stand side by side. */
export function searchInstance(options: InstanceOptions): {
  readonly app: Express;
  readonly once: PinnedOnceover<Request>;
} {
  const { client, revision, indexHash, address, addresses, secret } = options;
  const once = createOnceover<Request>({
    service: "search",
    revision,
    store: redisStore({ client }),
    scope: (request) => request.get("Authorization"),
    pins: pins({
      writes: { indexHash },
      revisions: revisions({
        registry: redisRegistry({ client }),
        keys: createPinKeys({ service: "search", keys: [{ id: "2026-11", secret }] }),
        address,
        addresses,
        forwarder: nodeForward(),
      }),
    }),
  });
  const app = express();
  app.use(onceover(once));
  app.get("/search", ({ pinned }, response) => void response.json({ by: pinned?.revision }));
  return { app, once };
}

/** Serves until it is told to leave; it stays for those who are pinned to it for `drainMs`, in milliseconds. */
export async function serve(
  { app, once }: ReturnType<typeof searchInstance>,
  port: number,
  drainMs = 60_000,
): Promise<Server> {
  await once.ready();
  const server = app.listen(port, "127.0.0.1");
  const announcing = await once.pins.announce();
  for (const { writer, reader, pin, writes } of announcing.mismatches) {
    console.warn(`${writer} writes ${pin} ${writes}, which ${reader} does not accept`);
  }
  process.once("SIGTERM", async () => {
    await announcing.become("draining"); // found by those who are pinned to it, and otherwise the last choice
    await sleep(drainMs);
    await announcing.stop();
    server.close();
  });
  return server;
}
