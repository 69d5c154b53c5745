import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { parse } from "node:querystring";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { AdapterRoute, AdapterServer, AdapterSetup, Reply } from "@onceover/conformance";
import { createOnceover, type Onceover } from "@onceover/core";
import { type OnceListener, onceover } from "../src/index.js";

type Parsed = IncomingMessage & { body?: unknown };

/** Serves the suite's routes on plain `node:http`. */
export async function startNode({ instance, scope, routes }: AdapterSetup): Promise<AdapterServer> {
  const once = createOnceover<IncomingMessage>({
    ...instance,
    scope: (request) => scope((name) => request.headersDistinct[name]?.[0]),
  });
  const mounted = new Map(routes.map((route) => [`${route.router ?? ""}${route.path}`, mount(once, route)]));
  const server = createServer((request, response) => {
    const listener = mounted.get(request.url?.split("?")[0] ?? "");
    if (listener === undefined) response.writeHead(404).end();
    else listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
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
  once: Onceover<IncomingMessage>,
  { options, bodyParser, headersBefore, handler }: AdapterRoute,
): RequestListener {
  const listener: OnceListener = async (request: Parsed, response, run) => {
    if (bodyParser === "after") await parseBody(request);
    const body = async () => (bodyParser === undefined ? await read(request) : JSON.stringify(request.body));
    await send(response, await handler({ once: run, body }));
  };
  const idempotent = onceover(once, listener, options);
  return async (request: Parsed, response) => {
    for (const [name, value] of headersBefore?.() ?? []) response.setHeader(name, value);
    if (bodyParser === "before") await parseBody(request);
    idempotent(request, response);
  };
}

async function read(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await request.toArray()).toString("latin1");
}

async function parseBody(request: Parsed): Promise<void> {
  const text = Buffer.concat(await request.toArray()).toString();
  const isForm = request.headers["content-type"] === "application/x-www-form-urlencoded";
  request.body = isForm ? { ...parse(text) } : JSON.parse(text);
}

async function send(response: ServerResponse, reply: Reply): Promise<void> {
  if (reply.how === "node") return void (await reply.answer(response));
  if (reply.how === "file") return sendFile(response, reply.path);
  response.statusCode = reply.status;
  if (reply.how === "redirect") return void response.setHeader("Location", reply.location).end();
  for (const [name, value] of reply.headers) response.appendHeader(name, value);
  switch (reply.how) {
    case "json":
      return void response.setHeader("Content-Type", "application/json").end(JSON.stringify(reply.value));
    case "send":
      return void response.setHeader("Content-Length", reply.body.length).end(reply.body);
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

async function sendFile(response: ServerResponse, path: string): Promise<void> {
  response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": statSync(path).size });
  await pipeline(createReadStream(path), response);
}
