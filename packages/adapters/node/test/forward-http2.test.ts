import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createSecureServer,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectTcp, type Server } from "node:net";
import { freePort } from "@onceover/test/free-port";
import { LOCALHOST } from "@onceover/test/localhost";
import { until } from "@onceover/test/wait";
import { afterEach, describe, expect, it } from "vitest";
import { behaving, type StageSetup } from "./forward-stage.js";
import { current, staged } from "./forward-staged.js";

let session: ClientHttp2Session | undefined;
afterEach(() => void session?.destroy());

/** The compatibility API has what a listener of this stage asks for. */
const overHttp2 = (listener: RequestListener): Server => createServer(listener as never);
const overTls = (listener: RequestListener): Server => createSecureServer(LOCALHOST, listener as never);

async function open(setup: StageSetup): Promise<ClientHttp2Session> {
  const { url } = await staged({ front: overHttp2, ...setup });
  session = connect(url, { rejectUnauthorized: false });
  session.on("error", () => {});
  return session;
}

interface Got {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
  readonly errorCode: number | undefined;
}

function receive(stream: ClientHttp2Stream): Promise<Got> {
  let [headers, trailers]: IncomingHttpHeaders[] = [{}, {}];
  let body = "";
  stream.on("response", (got) => (headers = got)).on("trailers", (got) => (trailers = got));
  stream.on("data", (chunk) => (body += chunk)).on("error", () => {});
  return new Promise((resolve) =>
    stream.on("close", () =>
      resolve({ headers: headers ?? {}, trailers: trailers ?? {}, body, errorCode: stream.rstCode }),
    ),
  );
}

function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<Got> {
  const stream = client.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return receive(stream);
}

async function mirror(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, rawHeaders, httpVersion } = request;
  const body = Buffer.concat(await request.toArray()).toString("latin1");
  response.end(JSON.stringify({ method, url, rawHeaders, httpVersion, body }));
}

describe("a request of HTTP/2", () => {
  it("goes on as one of HTTP/1.1: authority as Host, one Cookie line, chunks where it says no length", async () => {
    const client = await open({ upstream: mirror });
    const headers = {
      ":method": "POST",
      ":path": "/a?b=1",
      ":authority": "shop.example",
      cookie: ["a=1", "b=2"],
      te: "trailers",
    };
    const { method, url, httpVersion, rawHeaders, body } = JSON.parse((await ask(client, headers, "hello")).body);
    expect([method, url, httpVersion, body]).toEqual(["POST", "/a?b=1", "1.1", "hello"]);
    const lines = (rawHeaders as string[]).flatMap((name, at) =>
      at % 2 ? [] : [`${name}: ${rawHeaders[at + 1]}`.toLowerCase()],
    );
    expect(lines).toContain("host: shop.example");
    expect(lines).toContain("cookie: a=1; b=2");
    expect(lines).toContain("transfer-encoding: chunked");
    expect(lines.filter((line) => /^(?:te|:|x-forwarded-proto: https)/.test(line))).toEqual([]);
  });

  it("keeps its length, and is known to have come by TLS", async () => {
    const client = await open({ upstream: mirror, front: overTls });
    const { body } = await ask(client, { ":method": "PUT", "content-length": "5" }, "hello");
    const { rawHeaders } = JSON.parse(body);
    expect(rawHeaders.join("\n")).toMatch(/content-length\n5/i);
    expect(rawHeaders.join("\n")).toMatch(/X-Forwarded-Proto\nhttps/);
  });

  it("goes on whole though it was there before it was forwarded", async () => {
    const before = (request: IncomingMessage) => {
      request.read(0);
      return until("its body is there", () => request.readableLength > 0);
    };
    const client = await open({ upstream: mirror, before });
    expect(JSON.parse((await ask(client, { ":method": "POST" }, "hello")).body).body).toBe("hello");
  });

  it("has its answer with every line of it, trailers included, and nothing of the connection", async () => {
    const client = await open({
      upstream(_, response) {
        response.writeHead(200, [
          "Set-Cookie",
          "a=1",
          "Set-Cookie",
          "b=2",
          "Keep-Alive",
          "timeout=9",
          "Trailer",
          "X-Sum",
        ]);
        response.write("body");
        response.addTrailers({ "X-Sum": "7" });
        response.end();
      },
    });
    const { headers, trailers, body, errorCode } = await ask(client, { ":path": "/" });
    expect([headers[":status"], headers["set-cookie"], body, errorCode]).toEqual([200, ["a=1", "b=2"], "body", 0]);
    expect(headers).not.toHaveProperty("keep-alive");
    expect(trailers["x-sum"]).toBe("7");
  });

  it("is answered a problem where nobody is reached, though its body is on the way", async () => {
    const client = await open({ upstream: () => {}, address: `http://127.0.0.1:${await freePort()}` });
    const { headers, body } = await ask(client, { ":method": "POST" }, Buffer.alloc(1_000_000));
    expect([headers[":status"], JSON.parse(body).code]).toEqual([503, "revision-unreachable"]);
    expect((await ask(client, { ":path": "/" })).headers[":status"]).toBe(503);
  });

  it("may be answered before all of it is there, and the session goes on", async () => {
    const client = await open({ upstream: (_, response) => response.writeHead(413).end("too much") });
    const { headers, body } = await ask(client, { ":method": "POST" }, Buffer.alloc(1_000_000));
    expect([headers[":status"], body]).toEqual([413, "too much"]);
    expect((await ask(client, { ":path": "/" })).headers[":status"]).toBe(413);
  });

  it.each([
    ["chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ["chunks, the last on its connection", "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
  ])("has its stream reset with an error where its answer breaks off: %s", async (_what, half) => {
    const upstream = behaving((socket) => void socket.end(`HTTP/1.1 200 OK\r\n${half}`));
    const client = await open({ upstream });
    const { errorCode } = await ask(client, { ":path": "/" });
    expect(errorCode).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  });

  it.each([["a status HTTP/2 has not", "HTTP/1.1 700 What\r\nX-Left: 1\r\nContent-Length: 0\r\n\r\n"]])(
    "is answered 502 where the answer has %s, and nothing is left of it",
    async (_what, bytes) => {
      const upstream = behaving((socket) => void socket.write(bytes));
      const client = await open({ upstream });
      const { headers, body } = await ask(client, { ":path": "/" });
      expect([headers[":status"], JSON.parse(body).code, headers["x-left"]]).toEqual([
        502,
        "forward-failed",
        undefined,
      ]);
    },
  );

  it("never looks whole where its stream is reset in the middle of its body", async () => {
    const seen: boolean[] = [];
    await open({
      upstream(request) {
        request.on("error", () => {}).on("close", () => seen.push(request.complete));
        request.resume();
      },
    });
    for (let at = 0; at < 20; at += 1) {
      const socket = connectTcp(current().port, "127.0.0.1");
      socket.write(HALF_A_POST);
      await until("the target is asked", () => current().upstreamConnections() === 1);
      socket.write(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL])));
      await until("the target's connection is gone", () => current().upstreamConnections() === 0);
      socket.destroy();
    }
    await until("the target knows", () => seen.length === 20);
    expect(new Set(seen)).toEqual(new Set([false]));
  });

  it("takes its connection with it when its client leaves in the middle, and never looks whole", async () => {
    const seen: boolean[] = [];
    const client = await open({
      upstream(request) {
        request.on("error", () => {}).on("close", () => seen.push(request.complete));
        request.resume();
      },
    });
    for (const leave of [(each: ClientHttp2Stream) => each.destroy(new Error("leaving")), () => client.destroy()]) {
      const stream = client.request({ ":method": "POST" });
      stream.on("error", () => {});
      stream.write("half");
      await until("the target is asked", () => current().upstreamConnections() === 1);
      leave(stream);
      await until("the target's connection is gone", () => current().upstreamConnections() === 0);
    }
    await until("the target knows", () => seen.length === 2);
    expect(seen).toEqual([false, false]);
  });
});

const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4];
const END_HEADERS = 4;

/** One frame; Node's own client ends a body properly before it resets the stream. Source: RFC 9113, 4.1. */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.from([0, 0, 0, type, flags, 0, 0, 0, stream]);
  head.writeUIntBE(payload.length, 0, 3);
  return Buffer.concat([head, payload]);
}

/** `POST /` to the authority `a`, by HTTP and the static table of RFC 7541, and the first bytes of a body. */
const HALF_A_POST = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  frame(SETTINGS, 0, 0, Buffer.alloc(0)),
  frame(HEADERS, END_HEADERS, 1, Buffer.from([0x83, 0x86, 0x84, 0x41, 1, 0x61])),
  frame(DATA, 0, 1, Buffer.from("half")),
]);
