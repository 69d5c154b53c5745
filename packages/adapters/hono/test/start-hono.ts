import type { AdapterRoute, AdapterServer, AdapterSetup, Reply } from "@onceover/conformance";
import { createOnceover, type Onceover } from "@onceover/core";
import { firstPieceOf } from "@onceover/test/first-piece";
import { serve } from "@onceover/test/serve";
import { written } from "@onceover/test/written";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { ContentfulStatusCode, RedirectStatusCode } from "hono/utils/http-status";
import { type OnceoverVariables, onceover } from "../src/index.js";

/** What its handlers find. */
export type Env = { Variables: OnceoverVariables & { parsed?: unknown } };

/** Serves the suite's routes on Hono, on the server of the runtime. */
export function startHono(setup: AdapterSetup): Promise<AdapterServer> {
  const app = new Hono<Env>();
  routeAll(app, instanceOf(setup), setup);
  return serve(app.fetch);
}

/** The suite's instance, over Hono's own requests. */
export function instanceOf({ instance, scope }: AdapterSetup): Onceover<Context> {
  return createOnceover<Context>({ ...instance, scope: (c) => scope((name) => c.req.header(name)) });
}

/** The suite's routes. */
export function routeAll<E extends Env>(app: Hono<E>, once: Onceover<Context>, { routes }: AdapterSetup): void {
  app.onError((_error, c) => c.text("it failed", 500));
  for (const route of routes) app.route(route.router ?? "/", routed(once, route));
}

function routed(
  once: Onceover<Context>,
  { path, options, outer, bodyParser, headersBefore, handler }: AdapterRoute,
): Hono<Env> {
  const app = new Hono<Env>();
  app.use(path, async (c, next) => {
    for (const [name, value] of headersBefore?.() ?? []) c.header(name, value);
    await next();
  });
  if (bodyParser === "before") app.use(path, parse);
  if (outer !== undefined) app.use(path, onceover(once, outer));
  app.use(path, onceover(once, options));
  if (bodyParser === "after") app.use(path, parse);
  if (handler === undefined) return app;
  app.all(path, async (c) => {
    const body = async () =>
      bodyParser === undefined
        ? Buffer.from(await c.req.arrayBuffer()).toString("latin1")
        : JSON.stringify(c.get("parsed"));
    const { once, pinned } = c.var;
    return respond(c, await handler({ once, pinned, body, firstPiece: () => firstPieceOf(c.req.raw.body) }));
  });
  return app;
}

/** Reads the body as validators do. */
const parse: MiddlewareHandler<Env> = async (c, next) => {
  const isForm = c.req.header("content-type") === "application/x-www-form-urlencoded";
  c.set("parsed", isForm ? await c.req.parseBody() : await c.req.json());
  await next();
};

function respond(c: Context, reply: Reply): Response {
  if (reply.how === "node" || reply.how === "file") throw new Error(`${reply.how} needs a capability`);
  if (reply.how === "redirect") return c.redirect(reply.location, reply.status as RedirectStatusCode);
  for (const [name, value] of reply.headers) c.header(name, value, { append: true });
  // The suite's statuses are numbers to whatever framework.
  const status = reply.status as ContentfulStatusCode;
  switch (reply.how) {
    case "json":
      return c.newResponse(JSON.stringify(reply.value), status, { "Content-Type": "application/json" });
    case "send":
      return c.newResponse(new Uint8Array(reply.body), status);
    case "empty":
      return c.newResponse(null, status);
    case "write":
      return c.newResponse(written(reply.source), status);
    case "pipe":
      return c.newResponse(ReadableStream.from(reply.source), status);
    // no default
  }
}
