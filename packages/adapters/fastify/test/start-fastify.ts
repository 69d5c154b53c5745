import { createReadStream } from "node:fs";
import { parse } from "node:querystring";
import { Readable } from "node:stream";
import type {
  AdapterRoute,
  AdapterServer,
  AdapterSetup,
  AdapterSuite,
  DrainServer,
  DrainSetup,
  Reply,
} from "@onceover/conformance";
import { createOnceover, type HeaderLine, type Onceover } from "@onceover/core";
import { firstPiece } from "@onceover/test/first-piece";
import { connectionsOf } from "@onceover/test/listen";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { drain, onceover } from "../src/index.js";

/** Serves the suite's routes on Fastify. */
export const startFastify: AdapterSuite["start"] = (setup) => start(Fastify(), setup);

/** On HTTP/2, without TLS. */
export const startFastifyHttp2: AdapterSuite["start"] = (setup) => start(overHttp2(), setup);

/** Its types tell requests of HTTP/2 from others; the plugin, and the suite's handlers, do not. */
function overHttp2(): FastifyInstance {
  // Node forgets to end a session's timer with the session, and the suite counts timers.
  return Fastify({ http2: true, http2SessionTimeout: 0 }) as unknown as FastifyInstance;
}

/** The same servers, as ones that can leave. */
export const openFastify = (setup: DrainSetup): Promise<DrainServer> => open(Fastify(), setup);
export const openFastifyHttp2 = (setup: DrainSetup): Promise<DrainServer> => open(overHttp2(), setup);

async function start(app: FastifyInstance, setup: AdapterSetup): Promise<AdapterServer> {
  await serveRoutes(app, instanceOf(setup), setup);
  return listen(app);
}

async function open(app: FastifyInstance, setup: DrainSetup): Promise<DrainServer> {
  const once = instanceOf(setup);
  await app.register(drain, { once, ...setup.drain });
  await serveRoutes(app, once, setup);
  return { ...(await listen(app)), drain: app.drain };
}

function instanceOf({ instance, scope }: AdapterSetup): Onceover<FastifyRequest> {
  return createOnceover<FastifyRequest>({
    ...instance,
    scope: (request) => scope((name) => request.headers[name]?.toString()),
  });
}

async function serveRoutes(
  app: FastifyInstance,
  once: Onceover<FastifyRequest>,
  { routes }: AdapterSetup,
): Promise<void> {
  for (const route of routes) await app.register(mount(once, route), { prefix: route.router ?? "" });
  // What is found nowhere goes through the hooks of the whole application.
  const lost = routes.find(({ handler }) => handler === undefined);
  if (lost !== undefined) await app.register(onceover, { once, ...lost.options });
}

/** Serves an application on a free port. */
export async function listen(app: FastifyInstance): Promise<AdapterServer> {
  const endConnections = connectionsOf(app.server);
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return {
    url,
    async close() {
      endConnections();
      await app.close();
    },
  };
}

function mount(
  once: Onceover<FastifyRequest>,
  { path, options, outer, bodyParser, headersBefore, handler }: AdapterRoute,
) {
  return async (app: FastifyInstance) => {
    if (handler === undefined) return;
    app.addHook("onRequest", async (_request, reply) => {
      for (const [name, value] of headersBefore?.() ?? []) reply.header(name, value);
    });
    if (bodyParser === "before") app.addHook("onRequest", parseEarly);
    addParsers(app, bodyParser);
    if (outer !== undefined) await app.register(onceover, { once, ...outer });
    await app.register(onceover, { once, ...options });
    app.all(path, async (request, reply) => {
      const body = async () => (bodyParser === undefined ? await read(request) : JSON.stringify(request.body));
      const { once, pinned } = request;
      return send(reply, await handler({ once, pinned, body, firstPiece: () => firstPiece(request.raw) }));
    });
  };
}

/** Where there is to be no parser, the body is left in the request. */
function addParsers(app: FastifyInstance, bodyParser: AdapterRoute["bodyParser"]): void {
  if (bodyParser === "after") {
    app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) =>
      done(null, parse(body.toString())),
    );
    return;
  }
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, _payload, done) => done(null, Reflect.get(request.raw, "body")));
}

/** Parses as the middleware of another framework would, mounted in front of Fastify's own. */
async function parseEarly(request: FastifyRequest): Promise<void> {
  const text = Buffer.concat(await request.raw.toArray()).toString();
  const isJson = request.headers["content-type"] === "application/json";
  Reflect.set(request.raw, "body", isJson ? JSON.parse(text) : parse(text));
}

async function read(request: FastifyRequest): Promise<string> {
  return Buffer.concat(await request.raw.toArray()).toString("latin1");
}

function send(reply: FastifyReply, answer: Reply): unknown {
  if (answer.how === "node") return answer.answer(reply.hijack().raw);
  if (answer.how === "file") return reply.type("text/plain").send(createReadStream(answer.path));
  if (answer.how === "redirect") return reply.redirect(answer.location, answer.status);
  reply.code(answer.status);
  for (const [name, values] of byName(answer.headers)) reply.header(name, values.length === 1 ? values[0] : values);
  switch (answer.how) {
    case "json":
      return reply.send(answer.value);
    case "send":
      return reply.send(Buffer.from(answer.body));
    case "empty":
      return reply.send();
    case "write":
      return write(reply, answer.source);
    case "pipe":
      return reply.send(Readable.from(answer.source, { objectMode: false }));
    // no default
  }
}

/** A hijacked reply is the handler's own, down to the connection. */
async function write(reply: FastifyReply, source: AsyncIterable<Uint8Array>): Promise<void> {
  const { raw } = reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  try {
    for await (const chunk of source) raw.write(chunk);
    raw.end();
  } catch {
    raw.destroy();
  }
}

/** Fastify takes the lines of one name together. */
function byName(lines: readonly HeaderLine[]): Map<string, string[]> {
  const named = new Map<string, string[]>();
  for (const [name, value] of lines) named.set(name, [...(named.get(name) ?? []), value]);
  return named;
}
