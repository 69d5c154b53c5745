import type { Server } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { AdapterRoute, AdapterServer, AdapterSetup, Reply } from "@onceover/conformance";
import { createOnceover, type Onceover } from "@onceover/core";
import express, { type Application, type Request, type RequestHandler, type Response, type Router } from "express";
import { onceover } from "../src/index.js";

/** Serves the suite's routes on Express. */
export function startExpress({ instance, scope, routes }: AdapterSetup): Promise<AdapterServer> {
  const once = createOnceover<Request>({ ...instance, scope: (request) => scope((name) => request.get(name)) });
  const app = express();
  for (const route of routes) mount(app, once, route);
  return listen(app);
}

/** Serves an application on a free port, without a line on standard error for each error it handles. */
export async function listen(app: Application): Promise<AdapterServer> {
  app.set("env", "test");
  const server = await new Promise<Server>((resolve) => {
    const starting: Server = app.listen(0, "127.0.0.1", () => resolve(starting));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function mount(
  app: Application,
  once: Onceover<Request>,
  { path, router, options, bodyParser, headersBefore, handler }: AdapterRoute,
): void {
  const inner: Router = express.Router();
  inner.use(path, (_request, response, next) => {
    for (const [name, value] of headersBefore?.() ?? []) response.setHeader(name, value);
    next();
  });
  if (bodyParser === "before") inner.use(parsers());
  inner.use(path, onceover(once, options));
  if (bodyParser === "after") inner.use(parsers());
  inner.all(path, async (request, response) => {
    const body = async () => (bodyParser === undefined ? await read(request) : JSON.stringify(request.body));
    await send(response, await handler({ once: request.onceover, body }));
  });
  app.use(router ?? "/", inner);
}

function parsers(): RequestHandler[] {
  return [express.json({ strict: false }), express.urlencoded({ extended: false })];
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
