import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createOnceover, memoryStore, type PinnedOnceover, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { type RevisionRegistry, revisions } from "@onceover/core/revisions";
import { onceover } from "@onceover/node";
import { nodeForward } from "@onceover/node/forward";

/** What `next({ dev: false }).getRequestHandler()` gives. */
export type NextHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A server for Next.js: `revision` is the `deploymentId` of next.config.js. */
export function nextServer(
  handle: NextHandler,
  {
    revision,
    registry,
    address,
  }: { readonly revision: string; readonly registry: RevisionRegistry; readonly address: string },
): { readonly server: Server; readonly once: PinnedOnceover<IncomingMessage> } {
  const rules = pins({
    revisions: revisions({
      registry,
      address,
      addresses: ({ hostname }) => hostname === "127.0.0.1" || hostname.endsWith(".shop.internal"),
      forwarder: nodeForward(),
      deploymentId: true,
    }),
  });
  const store = memoryStore();
  const once = createOnceover<IncomingMessage>({ service: "shop", revision, store, scope: SHARED_SCOPE, pins: rules });
  return { server: createServer(onceover(once, (request, response) => handle(request, response))), once };
}
