import type { AdapterRoute, AdapterServer, AdapterSetup, Reply } from "@onceover/conformance";
import { createOnceover, type Onceover } from "@onceover/core";
import { firstPieceOf } from "@onceover/test/first-piece";
import { serve } from "@onceover/test/serve";
import { written } from "@onceover/test/written";
import { type OnceoverRequest, withOnceover } from "../src/index.js";

type Fetch = (request: Request) => Promise<Response>;

/** Serves the suite's routes as fetch handlers, on the server of the runtime. */
export function startFetch({ instance, scope, routes }: AdapterSetup): Promise<AdapterServer> {
  const once = createOnceover<Request>({
    ...instance,
    scope: (request) => scope((name) => request.headers.get(name) ?? undefined),
  });
  const mounted = new Map(routes.map((route) => [`${route.router ?? ""}${route.path}`, mount(once, route)]));
  const fetch: Fetch = async (request) => {
    const handler = mounted.get(new URL(request.url).pathname);
    return handler === undefined ? new Response(null, { status: 404 }) : handler(request);
  };
  return serve(fetch);
}

function mount(
  once: Onceover<Request>,
  { options, outer, headersBefore, handler = () => NOT_FOUND }: AdapterRoute,
): Fetch {
  const inner = withOnceover(
    once,
    async (request: OnceoverRequest) => {
      let read: Promise<ArrayBuffer> | undefined;
      const body = async () => {
        read ??= request.arrayBuffer();
        return Buffer.from(await read).toString("latin1");
      };
      const { once, pinned } = request;
      return respond(await handler({ once, pinned, body, firstPiece: () => firstPieceOf(request.body) }));
    },
    options,
  );
  const idempotent = outer === undefined ? inner : withOnceover(once, inner, outer);
  return async (request) => {
    const response = await idempotent(request);
    for (const [name, value] of headersBefore?.() ?? []) {
      if (/^(?:vary|set-cookie)$/i.test(name)) response.headers.append(name, value);
      else response.headers.set(name, value);
    }
    return response;
  };
}

const NOT_FOUND: Reply = { how: "empty", status: 404, headers: [] };

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
