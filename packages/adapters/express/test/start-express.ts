import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type {
  AdapterRoute,
  AdapterServer,
  AdapterSetup,
  AdapterSuite,
  DrainServer,
  DrainSetup,
  Reply,
} from "@onceover/conformance";
import { createOnceover, type Onceover } from "@onceover/core";
import { drainable } from "@onceover/node";
import { firstPiece } from "@onceover/test/first-piece";
import { listen } from "@onceover/test/listen";
import express5, { type Application, type Request, type RequestHandler, type Response, type Router } from "express";
import express4 from "express4";
import { onceover } from "../src/index.js";

type Express = typeof express5;

/** Serves the suite's routes on Express 5. */
export const startExpress: AdapterSuite["start"] = (setup) => start(express5, setup);

/** On Express 4. */
export const startExpress4: AdapterSuite["start"] = (setup) => start(express4, setup);

/** The same servers, as ones that can leave. */
export const openExpress = (setup: DrainSetup): Promise<DrainServer> => open(express5, setup);
export const openExpress4 = (setup: DrainSetup): Promise<DrainServer> => open(express4, setup);

function start(express: Express, setup: AdapterSetup): Promise<AdapterServer> {
  const app = express();
  useRoutes(express, app, instanceOf(setup), setup);
  return serve(app);
}

async function open(express: Express, setup: DrainSetup): Promise<DrainServer> {
  const app = express().set("env", "test");
  const once = instanceOf(setup);
  const server = createServer(app);
  const drain = drainable(server, once, setup.drain);
  app.use(drain.endpoints);
  useRoutes(express, app, once, setup);
  return { ...(await listen(server)), drain };
}

function instanceOf({ instance, scope }: AdapterSetup): Onceover<Request> {
  return createOnceover<Request>({ ...instance, scope: (request) => scope((name) => request.get(name)) });
}

function useRoutes(express: Express, app: Application, once: Onceover<Request>, { routes }: AdapterSetup): void {
  for (const route of routes) app.use(route.router ?? "/", routerOf(express, once, route));
}

/** Serves an application on a free port, without a line on standard error for each error it handles. */
export function serve(app: Application): Promise<AdapterServer> {
  app.set("env", "test");
  return listen(createServer(app));
}

function routerOf(
  express: Express,
  once: Onceover<Request>,
  { path, options, outer, bodyParser, headersBefore, handler }: AdapterRoute,
): Router {
  const router = express.Router();
  const parsers = [express.json({ strict: false }), express.urlencoded({ extended: false })];
  router.use(path, (_request, response, next) => {
    for (const [name, value] of headersBefore?.() ?? []) response.setHeader(name, value);
    next();
  });
  if (bodyParser === "before") router.use(parsers);
  if (outer !== undefined) router.use(path, onceover(once, outer));
  router.use(path, onceover(once, options));
  if (bodyParser === "after") router.use(parsers);
  if (handler === undefined) return router;
  const handle = async (request: Request, response: Response): Promise<void> => {
    const body = async () => (bodyParser === undefined ? await read(request) : JSON.stringify(request.body));
    const reply = await handler({
      once: request.onceover,
      pinned: request.pinned,
      body,
      firstPiece: () => firstPiece(request),
    });
    await send(response, reply);
  };
  // Express 4 does not look at what a handler returns.
  const handleInEither: RequestHandler = (request, response, next) => void handle(request, response).catch(next);
  router.all(path, handleInEither);
  return router;
}

async function read(request: Request): Promise<string> {
  return Buffer.concat(await request.toArray()).toString("latin1");
}

async function send(response: Response, reply: Reply): Promise<void> {
  if (reply.how === "node") return void (await reply.answer(response));
  if (reply.how === "file") return response.sendFile(reply.path);
  if (reply.how === "redirect") return response.redirect(reply.status, reply.location);
  response.status(reply.status);
  for (const [name, value] of reply.headers) response.append(name, value);
  switch (reply.how) {
    case "json":
      return void response.json(reply.value);
    case "send":
      return void response.send(Buffer.from(reply.body));
    case "empty":
      return void response.end();
    case "write":
      for await (const chunk of reply.source) response.write(chunk);
      return void response.end();
    case "pipe":
      return pipeline(Readable.from(reply.source, { objectMode: false }), response);
    // no default
  }
}
