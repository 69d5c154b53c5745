import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import type { FastifyReply, RouteHandlerMethod } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { onceover } from "../src/index.js";
import { closeAll, postTwice, serve } from "./serve.js";

afterEach(closeAll);

function webStream(): ReadableStream<Uint8Array> {
  return new Blob(["paid ", "in full"]).stream();
}

function overRaw(reply: FastifyReply): void {
  reply.hijack();
  reply.raw.writeHead(202, { "Content-Type": "text/plain", "X-Ledger": "l-1" });
  reply.raw.write("paid ");
  reply.raw.end("in full");
}

const SET_COOKIES: [string, string][] = [
  ["Set-Cookie", "seen=1"],
  ["Set-Cookie", "old=; Max-Age=0"],
  ["X-Ledger", "l-1"],
];

describe("Fastify's ways to answer are replayed", () => {
  const ways: Readonly<Record<string, readonly [RouteHandlerMethod, status: number, text: string]>> = {
    "a returned object": [async () => ({ paid: true }), 200, '{"paid":true}'],
    "a returned string": [async () => "paid", 200, "paid"],
    "reply.send of an object": [(_, reply) => void reply.code(201).send({ paid: true }), 201, '{"paid":true}'],
    "reply.send of bytes": [(_, reply) => void reply.type("image/png").send(Buffer.from("PNG")), 200, "PNG"],
    "nothing, with a 204": [async (_, reply) => void reply.code(204), 204, ""],
    "reply.redirect": [(_, reply) => void reply.redirect("/receipts/1", 303), 303, ""],
    "reply.serializer": [(_, reply) => void reply.serializer(() => "<paid/>").send({}), 200, "<paid/>"],
    "a Node stream": [async () => Readable.from(["paid ", "in full"]), 200, "paid in full"],
    "a web stream": [async (_, reply) => reply.send(webStream()), 200, "paid in full"],
    "a Response": [async () => new Response("paid", { status: 202, headers: SET_COOKIES }), 202, "paid"],
    "a Response with a stream": [async () => new Response(webStream(), { status: 201 }), 201, "paid in full"],
    "a Response without a body": [async () => new Response(null, { status: 204 }), 204, ""],
    "reply.raw of a hijacked reply": [async (_, reply) => overRaw(reply), 202, "paid in full"],
    "reply.callNotFound": [(_, reply) => void reply.callNotFound(), 404, ""],
    "a thrown error with a status": [
      async () => {
        throw Object.assign(new Error("card declined"), { statusCode: 402 });
      },
      402,
      '{"statusCode":402,"error":"Payment Required","message":"card declined"}',
    ],
  };
  for (const [way, [handler, status, text]] of Object.entries(ways)) {
    it(way, async () => {
      const { post, count } = await serve(async (app, once) => {
        await app.register(onceover, { once });
        app.setNotFoundHandler((_request, reply) => void reply.code(404).send(""));
        app.post("/pay", handler);
      });
      const { first, again } = await postTwice(post, "/pay");
      expect([first.status, first.text, count("run")]).toEqual([status, text, 1]);
      for (const name of ["content-type", "location", "x-ledger"]) {
        expect(again.headers.get(name), name).toBe(first.headers.get(name));
      }
      expect(again.headers.getSetCookie()).toEqual([]);
    });
  }

  it("a stream that breaks before its first byte is what the error handler makes of it", async () => {
    const { post } = await serve(async (app, once) => {
      await app.register(onceover, { once });
      app.post("/pay", async () => new Readable({ read: (_size) => undefined }).destroy(new Error("no ledger")));
    });
    const { first } = await postTwice(post, "/pay");
    expect([first.status, first.text]).toEqual([500, expect.stringContaining("no ledger")]);
  });
});

describe("hooks that change what is sent", () => {
  for (const payload of ["stream", "bytes"] as const) {
    it(`an onSend hook that compresses ${payload}, on either side of us, is recorded and replayed as it was sent`, async () => {
      for (const side of ["before", "after"] as const) {
        const { post } = await serve(async (app, once) => {
          if (side === "after") await app.register(onceover, { once });
          app.addHook<string | Readable>("onSend", async (_request, reply, sent) => {
            reply.header("Content-Encoding", "gzip").header("Vary", "Accept-Encoding").removeHeader("content-length");
            return (typeof sent === "string" ? Readable.from([sent]) : sent).pipe(createGzip());
          });
          if (side === "before") await app.register(onceover, { once });
          app.post("/pay", async () => (payload === "stream" ? Readable.from(["paid"]) : "paid"));
        });
        const { first, again } = await postTwice(post, "/pay", { headers: { "Accept-Encoding": "gzip" } });
        expect(first.text).toBe("paid");
        for (const name of ["content-encoding", "vary"]) {
          expect([again.headers.get(name), first.headers.get(name)]).not.toContain(null);
        }
      }
    });
  }

  it("fields that hooks in front have set through the reply are fresh on a replay, and the handler finds them there alone", async () => {
    let requests = 0;
    const { post } = await serve(async (app, once) => {
      app.addHook("onRequest", async (_request, reply) => {
        reply.header("X-Served", String(++requests)).header("Access-Control-Allow-Origin", "https://shop.example");
        reply.header("Set-Cookie", "a=1").header("Set-Cookie", "b=2").type("text/html");
        reply.raw.setHeader("X-Frame-Options", "DENY");
      });
      await app.register(onceover, { once });
      app.post("/pay", async (_request, reply) => reply.raw.getHeaderNames().join());
      app.post("/fails", async () => {
        throw new Error("no such account");
      });
    });
    for (const path of ["/pay", "/fails"]) {
      const headers = { "Idempotency-Key": path, "Content-Type": "application/json" };
      const { first, again } = await postTwice(post, path, { headers, body: "{}" });
      if (path === "/pay") expect(first.text).toBe("x-frame-options");
      else expect(first.text).toContain("no such account");
      expect(Number(again.headers.get("x-served"))).toBe(Number(first.headers.get("x-served")) + 1);
      for (const { headers: sent } of [first, again]) {
        expect(sent.get("access-control-allow-origin")).toBe("https://shop.example");
        expect([sent.getSetCookie(), sent.get("x-frame-options")]).toEqual([["a=1", "b=2"], "DENY"]);
      }
      expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
    }
  });

  it("onResponse runs once for each request, replays included", async () => {
    const told: number[] = [];
    const { post } = await serve(async (app, once) => {
      await app.register(onceover, { once });
      app.addHook("onResponse", async (_request, reply) => void told.push(reply.statusCode));
      app.post("/pay", async (_request, reply) => reply.code(201).send({}));
    });
    await postTwice(post, "/pay");
    await expect.poll(() => told).toEqual([201, 201]);
  });
});
