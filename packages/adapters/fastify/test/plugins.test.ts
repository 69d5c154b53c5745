import { readFile } from "node:fs/promises";
import { type IncomingHttpHeaders, request } from "node:http";
import { Readable } from "node:stream";
import { gunzipSync, gzipSync } from "node:zlib";
import fastifyCompress from "@fastify/compress";
import fastifyMultipart from "@fastify/multipart";
import type { Onceover } from "@onceover/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { onceover } from "../src/index.js";
import { closeAll, postTwice, serve } from "./serve.js";

afterEach(closeAll);

const SIDES = ["before", "after"] as const;
type Side = (typeof SIDES)[number];

/** An answer as it came over the wire. */
interface WireAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

/** Posts with the key `k`, and undoes no encoding. */
function postForBytes(url: string, headers: Readonly<Record<string, string>>, body?: Buffer): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent: false, headers: { "Idempotency-Key": "k", ...headers } });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      answer.toArray().then((chunks) => resolve({ headers: answer.headers, bytes: Buffer.concat(chunks) }), reject);
    });
    sent.end(body);
  });
}

/** Registers a plugin on one side of ours. */
async function registerBoth(app: FastifyInstance, once: Onceover<FastifyRequest>, side: Side, plugin: () => unknown) {
  if (side === "before") await plugin();
  await app.register(onceover, { once });
  if (side === "after") await plugin();
}

const TEXT = "paid in full, ".repeat(1000);
const ANSWERS: Readonly<Record<string, () => unknown>> = {
  "a string": () => TEXT,
  "an object": () => ({ text: TEXT }),
  "a Node stream": () => Readable.from([TEXT, TEXT]),
  "a web stream": () => new Blob([TEXT]).stream(),
};

/** Answers `/pay` with text, compressed by `@fastify/compress` for whoever accepts it. */
function compressing(side: Side, answer: () => unknown = () => TEXT) {
  return serve(async (app, once) => {
    await registerBoth(app, once, side, () => app.register(fastifyCompress));
    app.post("/pay", (_request, reply) => reply.type("text/plain").serializer(JSON.stringify).send(answer()));
  });
}

describe("@fastify/compress", () => {
  for (const side of SIDES) {
    it.each(Object.keys(ANSWERS))(`registered ${side} us: %s is recorded and replayed byte for byte`, async (kind) => {
      const { url, count } = await compressing(side, ANSWERS[kind]);
      const first = await postForBytes(`${url}/pay`, { "Accept-Encoding": "gzip" });
      const again = await postForBytes(`${url}/pay`, { "Accept-Encoding": "gzip" });
      expect(gunzipSync(first.bytes).toString()).toContain(TEXT);
      expect(again.bytes.equals(first.bytes)).toBe(true);
      expect([first, again].map(({ headers }) => headers["idempotency-replayed"])).toEqual([undefined, "true"]);
      for (const { headers } of [first, again]) {
        expect(headers).toMatchObject({ "content-encoding": "gzip", vary: "accept-encoding" });
        expect(headers["content-type"]).toMatch(/^text\/plain/);
      }
      expect(count("run")).toBe(1);
    });

    it(`registered ${side} us: a retry is sent what was made for the first request, and is told its encoding`, async () => {
      for (const [accepted, wanted] of [
        ["gzip", "identity"],
        ["identity", "gzip"],
      ] as const) {
        const { url } = await compressing(side);
        const first = await postForBytes(`${url}/pay`, { "Accept-Encoding": accepted });
        const again = await postForBytes(`${url}/pay`, { "Accept-Encoding": wanted });
        expect(again.bytes.equals(first.bytes)).toBe(true);
        expect(again.headers["content-encoding"]).toBe(accepted === "gzip" ? "gzip" : undefined);
      }
    });

    it(`registered ${side} us: a compressed body and the same one plain are the same request`, async () => {
      const { url, count } = await serve(async (app, once) => {
        await registerBoth(app, once, side, () => app.register(fastifyCompress));
        app.post("/pay", async ({ body }) => body);
      });
      const json = { "Content-Type": "application/json" };
      const body = Buffer.from('{"amount":5}');
      const first = await postForBytes(`${url}/pay`, { ...json, "Content-Encoding": "gzip" }, gzipSync(body));
      const again = await postForBytes(`${url}/pay`, json, body);
      expect([first.bytes.toString(), again.bytes.toString(), count("run")]).toEqual([`${body}`, `${body}`, 1]);
    });
  }

  it.each([
    ["of the route's own settings", { compress: { threshold: 0 } }, (reply: FastifyReply) => reply.send("paid")],
    ["by reply.compress()", {}, (reply: FastifyReply) => reply.compress(Readable.from([TEXT]))],
  ])("compression %s is replayed byte for byte", async (_what, settings, answer) => {
    const { url } = await serve(async (app, once) => {
      await app.register(fastifyCompress, { global: false });
      await app.register(onceover, { once });
      app.post("/pay", settings, (_request, reply) => answer(reply.type("text/plain")));
    });
    const first = await postForBytes(`${url}/pay`, { "Accept-Encoding": "gzip" });
    const again = await postForBytes(`${url}/pay`, { "Accept-Encoding": "gzip" });
    expect(gunzipSync(first.bytes).toString()).toMatch(/^paid/);
    expect([again.bytes.equals(first.bytes), again.headers["content-encoding"]]).toEqual([true, "gzip"]);
  });

  it("a refusal can be read by whoever sent the request, whatever it accepts", async () => {
    const { post } = await compressing("before");
    await post("/pay", { body: "a" });
    const refused = await post("/pay", { body: "b", headers: { "Accept-Encoding": "gzip" } });
    expect([refused.status, refused.headers.get("content-encoding")]).toEqual([422, null]);
    expect(JSON.parse(refused.text)).toMatchObject({ code: "key-reused" });
  });
});

/** A fresh form: `fetch` gives each one a boundary of its own. */
function form(receipt = "a receipt"): FormData {
  const made = new FormData();
  made.set("note", "paid");
  made.set("file", new Blob([receipt]), "receipt.txt");
  return made;
}

const READERS: Readonly<Record<string, (request: FastifyRequest) => Promise<string>>> = {
  "request.file()": async (request) => (await (await request.file())?.toBuffer())?.toString() ?? "",
  "request.parts()": async (request) => {
    let text = "";
    for await (const part of request.parts()) if (part.type === "file") text += await part.toBuffer();
    return text;
  },
  "request.saveRequestFiles()": async (request) => {
    const [saved] = (await request.saveRequestFiles()).files;
    return saved === undefined ? "" : readFile(saved.filepath, "utf8");
  },
};

describe("@fastify/multipart", () => {
  for (const side of SIDES) {
    it.each(Object.keys(READERS))(
      `registered ${side} us: %s finds the whole form, and a retry replays`,
      async (reader) => {
        const { post, count } = await serve(async (app, once) => {
          await registerBoth(app, once, side, () => app.register(fastifyMultipart));
          app.post("/pay", async (request) => ({ read: await READERS[reader]?.(request) }));
        });
        const first = await post("/pay", { body: form() });
        const again = await post("/pay", { body: form() });
        expect(JSON.parse(first.text)).toEqual({ read: "a receipt" });
        expect([again.text, again.headers.get("idempotency-replayed")]).toEqual([first.text, "true"]);
        expect([(await post("/pay", { body: form("another receipt") })).status, count("run")]).toEqual([422, 1]);
      },
    );

    it(`registered ${side} us: attachFieldsToBody fills the body, and a retry replays`, async () => {
      const { post } = await serve(async (app, once) => {
        await registerBoth(app, once, side, () => app.register(fastifyMultipart, { attachFieldsToBody: "keyValues" }));
        app.post("/pay", async ({ body }) => ({ note: Reflect.get(Object(body), "note") }));
      });
      const first = await post("/pay", { body: form() });
      const again = await post("/pay", { body: form() });
      expect([first.text, again.text]).toEqual(['{"note":"paid"}', '{"note":"paid"}']);
      expect(again.headers.get("idempotency-replayed")).toBe("true");
    });
  }

  it("a file over the parser's own limit is refused by it, and that answer is replayed", async () => {
    const { post } = await serve(async (app, once) => {
      await app.register(fastifyMultipart, { limits: { fileSize: 4 } });
      await app.register(onceover, { once });
      app.post("/pay", async (request) => (await (await request.file())?.toBuffer())?.length);
    });
    const first = await post("/pay", { body: form() });
    const again = await post("/pay", { body: form() });
    expect([first.status, again.status, again.text]).toEqual([413, 413, first.text]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
  });

  it("an upload over maxBodyBytes is refused before anything runs, and passes with fingerprint off", async () => {
    const { post, count } = await serve(async (app, once) => {
      await app.register(fastifyMultipart, { limits: { fileSize: 1_000_000 } });
      await app.register(onceover, { once, maxBodyBytes: 1_000 });
      const upload = async (request: FastifyRequest) => (await (await request.file())?.toBuffer())?.length;
      app.post("/pay", upload);
      app.post("/upload", { config: { onceover: { fingerprint: "off" } } }, upload);
    });
    const large = () => ({ body: form("r".repeat(100_000)) });
    const refused = await post("/pay", large());
    expect([refused.status, JSON.parse(refused.text).code, count("run")]).toEqual([413, "body-too-large", 0]);
    expect((await postTwice(post, "/upload", large())).first.text).toBe("100000");
  });
});
