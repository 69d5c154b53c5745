import { once } from "node:events";
import type { RequestListener, ServerResponse } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { firstPieceOf } from "@onceover/test/first-piece";
import { until } from "@onceover/test/wait";
import { describe, expect, it } from "vitest";
import {
  asked,
  at,
  FAILED,
  forward,
  nowhere,
  posted,
  problem,
  restOf,
  UNREACHABLE,
  untilStill,
  upstream,
} from "./forward-support.js";

describe("the answer", () => {
  it("is passed on as it comes: its head, its first byte, and the rest", async () => {
    let response: ServerResponse | undefined;
    const { target } = await upstream((_, sending) => {
      response = sending;
      sending.writeHead(201, "Made", { "Content-Type": "text/event-stream" }).flushHeaders();
    });
    const answer = await forward(asked(), target);
    expect([answer.status, answer.statusText, answer.headers.get("content-type")]).toEqual([
      201,
      "Made",
      "text/event-stream",
    ]);
    response?.write("data: 1\n\n");
    expect(await firstPieceOf(answer.body)).toBe("data: 1\n\n");
    response?.end("data: 2\n\n");
    expect(await restOf(answer)).toBe("data: 2\n\n");
  });

  it("is not read ahead of the client", async () => {
    let writtenBytes = 0;
    const { target } = await upstream(async (_, response) => {
      const piece = Buffer.alloc(65_536);
      for (; !response.destroyed; writtenBytes += piece.length)
        if (!response.write(piece)) await once(response, "drain");
    });
    const answer = await forward(asked(), target);
    await untilStill(() => writtenBytes);
    expect(writtenBytes).toBeLessThan(64_000_000);
    await answer.body?.cancel();
  });

  it.each([301, 302, 303, 307, 308])("%d is not followed, and its target is never asked", async (status) => {
    const { target, heard } = await upstream((_, response) => {
      response.writeHead(status, { Location: `${target.address}/elsewhere` }).end("moved");
    });
    const answer = await forward(posted(), target);
    expect([answer.status, answer.headers.get("location"), await answer.text()]).toEqual([
      status,
      `${target.address}/elsewhere`,
      "moved",
    ]);
    expect(heard).toHaveLength(1);
  });

  it("keeps its fields, but for those of the connection, and each cookie in a line of its own", async () => {
    const { target } = await upstream((_, response) => {
      response.sendDate = false;
      const cookies = ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2", "b=3"];
      response.writeHead(200, {
        "Set-Cookie": cookies,
        "X-Plain": ["1", "2"],
        Vary: "Schema-Rev",
        Connection: "X-Hop, Cache-Control, Set-Cookie",
        "X-Hop": "1",
        "Cache-Control": "no-store",
        "Keep-Alive": "timeout=5",
        "Proxy-Authenticate": "Basic",
        Upgrade: "h2c",
        Trailer: "X-Sum",
      });
      response.end("ok");
    });
    const answer = await forward(asked(), target);
    expect([...answer.headers].sort()).toEqual([
      ["cache-control", "no-store"],
      ["set-cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"],
      ["set-cookie", "b=2"],
      ["set-cookie", "b=3"],
      ["vary", "Schema-Rev"],
      ["x-plain", "1, 2"],
    ]);
    expect(await answer.text()).toBe("ok");
  });

  it.each([204, 205, 304, 404, 500, 503])("of status %d goes out with that status, body or not", async (status) => {
    const { target } = await upstream((_, response) => void response.writeHead(status, { ETag: '"e"' }).end());
    const answer = await forward(asked(), target);
    expect([answer.status, answer.headers.get("etag"), await answer.text()]).toEqual([status, '"e"', ""]);
  });

  it("to HEAD says how long the body would be", async () => {
    const { target } = await upstream((_, response) => void response.writeHead(200, { "Content-Length": "99" }).end());
    const answer = await forward(asked("/", { method: "HEAD" }), target);
    expect([answer.headers.get("content-length"), await answer.text()]).toEqual(["99", ""]);
  });

  const TEXT = "what was said ".repeat(50);
  it("is asked for without content encoding, and so comes without one", async () => {
    const { target } = await upstream((request, response) => {
      const compresses = /gzip|\*/.test(request.headers["accept-encoding"] ?? "*");
      response.writeHead(200, compresses ? { "Content-Encoding": "gzip" } : {});
      response.end(compresses ? gzipSync(TEXT) : TEXT);
    });
    const answer = await forward(asked("/", { headers: { "Accept-Encoding": "gzip" } }), target);
    expect([answer.headers.get("content-encoding"), await answer.text()]).toEqual([null, TEXT]);
  });

  it.each([
    ["gzip", gzipSync(TEXT)],
    ["X-Gzip", gzipSync(TEXT)],
    ["deflate", deflateSync(TEXT)],
    ["br", brotliCompressSync(TEXT)],
    ["deflate, gzip", gzipSync(deflateSync(TEXT))],
  ])(
    "that comes in %s all the same says neither that nor the length of it, since fetch has undone it",
    async (coding, bytes) => {
      const { target } = await upstream((_, response) => {
        response.writeHead(200, { "Content-Encoding": coding, "Content-Length": bytes.length }).end(bytes);
      });
      const answer = await forward(asked(), target);
      const { headers } = answer;
      expect([headers.get("content-encoding"), headers.get("content-length")]).toEqual([null, null]);
      expect(await answer.text()).toBe(TEXT);
    },
  );

  it.each(["identity", "aws-chunked", "gzip, snappy"])(
    "that comes in %s is passed on as it came, and says so",
    async (coding) => {
      const { target } = await upstream((_, response) => {
        response
          .writeHead(200, { "Content-Encoding": coding, "Content-Length": "4" })
          .end(Uint8Array.of(0, 255, 1, 254));
      });
      const answer = await forward(asked(), target);
      const { headers } = answer;
      expect([headers.get("content-encoding"), headers.get("content-length")]).toEqual([coding, "4"]);
      expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual([0, 255, 1, 254]);
    },
  );

  it("that is cut breaks off for the client, too, and leaves nobody waiting", async () => {
    const { target } = await upstream((_, response) => {
      response.writeHead(200).write("half");
      setImmediate(() => response.socket?.resetAndDestroy());
    });
    const answer = await forward(posted(), target);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
  });
});

describe("a target that does not answer", () => {
  const reset: RequestListener = ({ socket }) => void socket.resetAndDestroy();

  it("where nobody listens, nothing was sent: 503, with or without a body", async () => {
    const target = await nowhere();
    expect(await problem(await forward(posted(), target))).toEqual(UNREACHABLE);
    expect(await problem(await forward(asked(), target))).toEqual(UNREACHABLE);
  });

  it("where the connection is reset, the request may have left: 502; what asks for no effect is 503", async () => {
    const { target } = await upstream(reset);
    expect(await problem(await forward(posted(), target))).toEqual(FAILED);
    expect(await problem(await forward(asked("/", { method: "DELETE" }), target))).toEqual(FAILED);
    expect(await problem(await forward(asked(), target))).toEqual(UNREACHABLE);
    const head = await forward(asked("/", { method: "HEAD" }), target);
    expect(head.status).toBe(503);
  });

  it.each<[string, readonly unknown[]]>([
    ["ECONNREFUSED", UNREACHABLE],
    ["ENOTFOUND", UNREACHABLE],
    ["EAI_AGAIN", UNREACHABLE],
    ["UND_ERR_CONNECT_TIMEOUT", UNREACHABLE],
    ["ECONNRESET", FAILED],
    ["EPIPE", FAILED],
    ["UND_ERR_SOCKET", FAILED],
    ["UND_ERR_HEADERS_TIMEOUT", FAILED],
  ])("of a POST that fails with the cause %s says whether it may have left", async (code, expected) => {
    const cause = Object.assign(new Error("no"), { code });
    const fails = () => Promise.reject(new TypeError("fetch failed", { cause }));
    expect(await problem(await forward(posted(), at("http://r2.internal"), { fetch: fails }))).toEqual(expected);
  });

  it.each([undefined, null, "no", new Error("no"), { cause: null }])(
    "of a POST that fails with %o it says that it may",
    async (thrown) => {
      const throws = () => {
        throw thrown;
      };
      expect(await problem(await forward(posted(), at("http://r2.internal"), { fetch: throws }))).toEqual(FAILED);
    },
  );

  it.each([600, 999])("but with status %d, which no Response can have, has answered: 502", async (status) => {
    const { target } = await upstream((_, response) => void response.writeHead(status).end());
    expect(await problem(await forward(asked(), target))).toEqual(FAILED);
  });

  it("in time has been asked: 502, and hears that nobody waits any more", async () => {
    let closed = 0;
    const { target } = await upstream((_, response) => {
      response.on("close", () => {
        closed += 1;
      });
    });
    expect(await problem(await forward(posted(), target, { timeoutMs: 60 }))).toEqual(FAILED);
    expect(await problem(await forward(asked(), target, { timeoutMs: 60 }))).toEqual(FAILED);
    await until("the target is told", () => closed === 2);
  });

  it("has all the time there is once its head has come", async () => {
    let response: ServerResponse | undefined;
    const { target } = await upstream((_, sending) => {
      response = sending;
      sending.write("one");
    });
    const answer = await forward(asked(), target, { timeoutMs: 200 });
    expect(await firstPieceOf(answer.body)).toBe("one");
    const deadline = performance.now() + 300;
    await until("the time is over", () => performance.now() > deadline);
    response?.end("two");
    expect(await restOf(answer)).toBe("two");
  });
});
