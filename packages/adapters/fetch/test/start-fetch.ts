import { createAdaptorServer } from "@hono/node-server";
import type { AdapterRoute, AdapterServer, AdapterSetup, Reply } from "@onceover/conformance";
import { createOnceover, type Onceover } from "@onceover/core";
import { written } from "@onceover/test/written";
import { type OnceoverRequest, withOnceover } from "../src/index.js";

type Fetch = (request: Request) => Promise<Response>;

/** Serves the suite's routes as fetch handlers, on Node's own server. */
export function startFetch({ instance, scope, routes }: AdapterSetup): Promise<AdapterServer> {
  const once = createOnceover<Request>({
    ...instance,
    scope: (request) => scope((name) => request.headers.get(name) ?? undefined),
  });
  const mounted = new Map(routes.map((route) => [`${route.router ?? ""}${route.path}`, mount(once, route)]));
  return listen(async (request) => {
    const handler = mounted.get(new URL(request.url).pathname);
    return handler === undefined ? new Response(null, { status: 404 }) : handler(request);
  });
}

/** Serves a fetch handler on a free port. */
export async function listen(fetch: Fetch): Promise<AdapterServer> {
  const server = createAdaptorServer({ fetch });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close() {
      if ("closeAllConnections" in server) server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function mount(once: Onceover<Request>, { options, headersBefore, handler }: AdapterRoute): Fetch {
  const idempotent = withOnceover(
    once,
    async (request: OnceoverRequest) => {
      let read: Promise<ArrayBuffer> | undefined;
      const body = async () => {
        read ??= request.arrayBuffer();
        return Buffer.from(await read).toString("latin1");
      };
      return respond(await handler({ once: request.once, body }));
    },
    options,
  );
  return async (request) => {
    const response = await idempotent(request);
    for (const [name, value] of headersBefore?.() ?? []) response.headers.set(name, value);
    return response;
  };
}

/** The `Response` a handler would have made. */
export function respond(reply: Reply): Response {
  if (reply.how === "node" || reply.how === "file") throw new Error(`${reply.how} needs a capability`);
  if (reply.how === "redirect") {
    return new Response(null, { status: reply.status, headers: { Location: reply.location } });
  }
  const headers = new Headers();
  for (const [name, value] of reply.headers) headers.append(name, value);
  const init = { status: reply.status, headers };
  switch (reply.how) {
    case "json":
      return Response.json(reply.value, init);
    case "send":
      return new Response(new Uint8Array(reply.body), init);
    case "empty":
      return new Response(null, init);
    case "write":
      return new Response(written(reply.source), init);
    case "pipe":
      return new Response(ReadableStream.from(reply.source), init);
    // no default
  }
}
