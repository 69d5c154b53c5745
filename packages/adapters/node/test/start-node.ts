import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, createSecureServer, type Http2ServerRequest } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { Server } from "node:net";
import { parse } from "node:querystring";
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
import { firstPiece } from "@onceover/test/first-piece";
import { listen } from "@onceover/test/listen";
import { LOCALHOST } from "@onceover/test/localhost";
import { drainable, type NodeListener, onceover } from "../src/index.js";

type Incoming = IncomingMessage | Http2ServerRequest;
type Parsed = Incoming & { body?: unknown };
type Listener = NodeListener<Incoming>;

/** What handlers on Node's own servers can do. */
export const CAPABILITIES: AdapterSuite["capabilities"] = {
  bodyParser: true,
  sendFile: true,
  nodeResponse: true,
  errorAnswers: false,
};

/** How each server is made; all of them serve the suite's routes. */
const onHttp = (listener: Listener): Server => createServer(listener);
const onHttps = (listener: Listener): Server => createHttpsServer(LOCALHOST, listener);
const onHttp2 = (listener: Listener): Server => createHttp2Server(listener);
const onHttp2Tls = (listener: Listener): Server => createSecureServer({ ...LOCALHOST, allowHTTP1: true }, listener);

/** On plain `node:http`. */
export const startNode: AdapterSuite["start"] = serve(onHttp);

/** On `node:https`. */
export const startHttps: AdapterSuite["start"] = serve(onHttps);

/** On `node:http2`, without TLS. */
export const startHttp2: AdapterSuite["start"] = serve(onHttp2);

/** On `node:http2` with TLS, where clients of HTTP/1.1 are served, too. */
export const startHttp2Tls: AdapterSuite["start"] = serve(onHttp2Tls);

/** The same servers, as ones that can leave. */
export const openNode = leaving(onHttp);
export const openHttps = leaving(onHttps);
export const openHttp2 = leaving(onHttp2);
export const openHttp2Tls = leaving(onHttp2Tls);

function serve(create: (listener: Listener) => Server): (setup: AdapterSetup) => Promise<AdapterServer> {
  return async (setup) => listen(create(listenerOf(setup).listener));
}

function leaving(create: (listener: Listener) => Server): (setup: DrainSetup) => Promise<DrainServer> {
  return async (setup) => {
    const { once, listener } = listenerOf(setup);
    const server = create((request, response) => {
      drain.endpoints(request, response as ServerResponse, () => listener(request, response));
    });
    const drain = drainable(server, once, setup.drain);
    return { ...(await listen(server)), drain };
  };
}

function listenerOf({ instance, scope, routes }: AdapterSetup) {
  const once = createOnceover<Incoming>({
    ...instance,
    scope: (request) => scope((name) => request.headers[name]?.toString()),
  });
  const mounted = new Map(routes.map((route) => [`${route.router ?? ""}${route.path}`, mount(once, route)]));
  const listener: Listener = (request, response) => {
    const found = mounted.get(request.url?.split("?")[0] ?? "");
    if (found === undefined) response.writeHead(404).end();
    else found(request, response);
  };
  return { once, listener };
}

function mount(
  once: Onceover<Incoming>,
  { options, outer, bodyParser, headersBefore, handler = () => NOT_FOUND }: AdapterRoute,
): Listener {
  const inner = onceover(
    once,
    async (request: Parsed, response, run, pinned) => {
      if (bodyParser === "after") await parseBody(request);
      const body = async () => (bodyParser === undefined ? await read(request) : JSON.stringify(request.body));
      const reply = await handler({ once: run, pinned, body, firstPiece: () => firstPiece(request) });
      // What HTTP/2's response lacks of this one, the suite does not use.
      const sending = send(response as ServerResponse, reply);
      // Whoever pipes is told of an answer that ended before its source; without a key nobody would hear that.
      await (run === undefined ? sending.catch(() => response.destroy()) : sending);
    },
    options,
  );
  const idempotent = outer === undefined ? inner : onceover(once, inner, outer);
  return async (request: Parsed, response) => {
    for (const [name, value] of headersBefore?.() ?? []) response.setHeader(name, value);
    if (bodyParser === "before") await parseBody(request);
    idempotent(request, response);
  };
}

const NOT_FOUND: Reply = { how: "empty", status: 404, headers: [] };

async function read(request: Incoming): Promise<string> {
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
  // The setHeader() of HTTP/2 hands nothing out.
  if (reply.how === "redirect") return void response.writeHead(reply.status, { Location: reply.location }).end();
  for (const [name, value] of reply.headers) response.appendHeader(name, value);
  switch (reply.how) {
    case "json":
      response.setHeader("Content-Type", "application/json");
      return void response.end(JSON.stringify(reply.value));
    case "send":
      response.setHeader("Content-Length", reply.body.length);
      return void response.end(reply.body);
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
