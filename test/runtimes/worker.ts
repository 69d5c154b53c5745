/** A Worker as its users write them: everything at module level, the adapters in the handler's place. */
import { createOnceover, type MountOptions, memoryStore, SHARED_SCOPE, type Store } from "@onceover/core";
import { type OnceoverRequest, withOnceover } from "@onceover/fetch";
import { type OnceoverVariables, onceover } from "@onceover/hono";
import { type Context, type ExecutionContext, Hono } from "hono";

interface Ctx {
  waitUntil(promise: Promise<unknown>): void;
  passThroughOnException(): void;
}

const LEASE_MS = 500;
/** How long a verb of the distant store takes: long enough for a client to hang up meanwhile. */
const DISTANT_MS = 400;
const begun: string[] = [];
const released = new Set<string>();

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Memory behind a delay, which in a Worker belongs to the request that waits for it, as any I/O does. */
function distantStore(): Store {
  const store = memoryStore();
  return {
    ...store,
    async verify() {
      await pause(DISTANT_MS);
      return store.verify();
    },
    async acquire(request) {
      await pause(DISTANT_MS);
      return store.acquire(request);
    },
  };
}

const instance = { revision: "r1", scope: SHARED_SCOPE, idempotency: { leaseMs: LEASE_MS } } as const;
const near = createOnceover({ ...instance, service: "near", store: memoryStore() });
const distant = createOnceover({ ...instance, service: "distant", store: distantStore() });
const another = createOnceover({ ...instance, service: "another", store: distantStore() });
const onHono = createOnceover<Context>({ ...instance, service: "hono", store: memoryStore() });

/** Answers as its query says: after a while, in pieces, or not at all. */
async function pay(request: Request): Promise<Response> {
  const { searchParams } = new URL(request.url);
  const key = request.headers.get("idempotency-key") ?? "";
  begun.push(key);
  const body = await request.text();
  if (searchParams.has("throws")) throw new Error("no such account");
  if (searchParams.has("held")) return inPieces(key);
  await pause(Number(searchParams.get("ms") ?? 0));
  return Response.json({ run: begun.length, body }, { status: 201 });
}

/** Three pieces; the second and third leave once the key is released. */
function inPieces(key: string): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  // A reader that has gone fails the writer, which ends it.
  void write(writable.getWriter(), key).catch(() => {});
  return new Response(readable, { headers: { "Content-Type": "text/plain" } });
}

async function write(writer: WritableStreamDefaultWriter<Uint8Array>, key: string): Promise<void> {
  for (const piece of ["one ", "two ", "three"]) {
    await writer.write(new TextEncoder().encode(piece));
    while (!released.has(key)) await pause(20);
  }
  await writer.close();
}

type Handler = (request: Request, env?: unknown, ctx?: Ctx) => Promise<Response>;

const handler = (request: OnceoverRequest) => pay(request);
const mounted = (once: typeof near, options?: MountOptions<Request>): Handler =>
  withOnceover<Request, [env?: unknown, ctx?: Ctx]>(once, handler, options);

const app = new Hono<{ Variables: OnceoverVariables }>();
app.post("/hono", onceover(onHono), (c) => pay(c.req.raw));

const fetched = mounted(near);
const ROUTES: Readonly<Record<string, Handler>> = {
  "/fetch": fetched,
  "/hono": async (request, env, ctx) => app.fetch(request, env, ctx as ExecutionContext | undefined),
  "/reject": mounted(near, { inFlight: "reject" }),
  "/distant": mounted(distant),
  "/another": mounted(another),
  "/without-ctx": (request) => fetched(request),
  "/release": async (request) => Response.json(released.add(request.headers.get("x-key") ?? "").size),
  "/begun": async (request) => Response.json(begun.filter((key) => key === request.headers.get("x-key")).length),
};

export default {
  async fetch(request: Request, env: unknown, ctx: Ctx): Promise<Response> {
    const route = ROUTES[new URL(request.url).pathname];
    return route === undefined ? new Response(null, { status: 404 }) : route(request, env, ctx);
  },
};
