import { createReadStream } from "node:fs";
import { parse } from "node:querystring";
import { Readable } from "node:stream";
import type { AdapterRoute, AdapterServer, AdapterSetup, Reply } from "@onceover/conformance";
import { createOnceover, type HeaderLine, type Onceover } from "@onceover/core";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { onceover } from "../src/index.js";

/** Serves the suite's routes on Fastify. */
export async function startFastify({ instance, scope, routes }: AdapterSetup): Promise<AdapterServer> {
  const once = createOnceover<FastifyRequest>({
    ...instance,
    scope: (request) => scope((name) => request.headers[name]?.toString()),
  });
  const app = Fastify();
  for (const route of routes) await app.register(mount(once, route), { prefix: route.router ?? "" });
  return listen(app);
}

/** Serves an application on a free port. */
export async function listen(app: FastifyInstance): Promise<AdapterServer> {
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return {
    url,
    close() {
      app.server.closeAllConnections();
      return app.close();
    },
  };
}

function mount(once: Onceover<FastifyRequest>, { path, options, bodyParser, headersBefore, handler }: AdapterRoute) {
  return async (app: FastifyInstance) => {
    app.addHook("onRequest", async (_request, reply) => {
      for (const [name, value] of headersBefore?.() ?? []) reply.header(name, value);
    });
    if (bodyParser === "before") app.addHook("onRequest", parseEarly);
    addParsers(app, bodyParser);
    await app.register(onceover, { once, ...options });
    app.all(path, async (request, reply) => {
      const body = async () => (bodyParser === undefined ? await read(request) : JSON.stringify(request.body));
      return send(reply, await handler({ once: request.once, body }));
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
