import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { firstPieceOf } from "@onceover/test/first-piece";
import { listen } from "@onceover/test/listen";
import { until } from "@onceover/test/wait";
import { afterEach, describe, expect, it } from "vitest";
import { type FetchForwardOptions, type ForwardTarget, fetchForward } from "../../src/revisions.js";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Upstream {
  readonly target: ForwardTarget;
  readonly heard: IncomingMessage[];
  /** The last request that came. */
  last(): IncomingMessage;
}

/** The revision that requests are passed on to. */
async function upstream(handler: RequestListener = (_, response) => void response.end("ok")): Promise<Upstream> {
  const heard: IncomingMessage[] = [];
  const { url, close } = await listen(
    createServer((request, response) => {
      heard.push(request);
      handler(request, response);
    }),
  );
  ends.push(close);
  return { target: at(url), heard, last: () => heard.at(-1) ?? expect.fail("nothing came") };
}

const at = (address: string): ForwardTarget => ({ revision: "r2", address, headers: [] });

async function nowhere(): Promise<ForwardTarget> {
  const { url, close } = await listen(createServer());
  await close();
  return at(url);
}

const FRONT = "https://shop.example";
const asked = (path = "/a?b", init: RequestInit & { readonly duplex?: "half" } = {}) => new Request(FRONT + path, init);
const posted = (body = "amount=1") => asked("/pay", { method: "POST", body });

const forward = (request: Request, target: ForwardTarget, options?: FetchForwardOptions) =>
  fetchForward(options).fetch(request, target);

async function problem(response: Response): Promise<readonly unknown[]> {
  const { code, executed } = (await response.json()) as Record<string, unknown>;
  return [response.status, code, executed, response.headers.get("retry-after")];
}

const UNREACHABLE = [503, "revision-unreachable", false, "1"];
const FAILED = [502, "forward-failed", "unknown", null];
const UNSENDABLE = [502, "forward-failed", false, null];

/** Fields that fetch says on its own. */
const OF_FETCH = ["accept", "accept-language", "connection", "host", "sec-fetch-mode", "user-agent"];

function linesOf({ rawHeaders }: IncomingMessage): string[] {
  const lines = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [`${name.toLowerCase()}: ${rawHeaders[at + 1]}`] : [],
  );
  return lines.filter((line) => !OF_FETCH.includes(line.split(":")[0] ?? "")).sort();
}

describe("what is asked", () => {
  it.each([
    "/",
    "/a/b?c=d&c=e",
    "//evil.example/x",
    "///evil.example",
    "/\\evil.example",
    "/\\/evil.example",
    "/@evil.example/",
    "/:80@evil.example/",
    "/http://evil.example/",
    "/%2f%2fevil.example",
    "/%5c%5cevil.example",
    "/a%2F..%2Fb",
    "/..%2f..%2fetc",
    "/a;b=c/%00/%0d%0aHost:%20evil",
    "/?next=//evil.example/\\@evil#x",
    "/#//evil.example",
    "/ä/版?q=ü",
    "/.//evil.example",
  ])("%s stays on the target's origin, path and query as the request has them", async (path) => {
    const { target, last } = await upstream();
    const request = asked(path);
    const response = await forward(request, target);
    expect([response.status, await response.text()]).toEqual([200, "ok"]);
    expect(last().url).toBe(request.url.slice(FRONT.length).replace(/#.*/, ""));
    expect(last().headers.host).toBe(target.address.slice("http://".length));
  });

  it.each<[string, string, string]>([
    ["a request of another protocol", "ftp://shop.example/a", ""],
    ["a request without a host", "/a", ""],
    ["a target with a path", `${FRONT}/a`, "/base"],
    ["a target with a query", `${FRONT}/a`, "/?a"],
    ["a target that is none", `${FRONT}/a`, " nothing"],
    ["a target that goes on in the path", `${FRONT}/a`, "@evil.example"],
  ])("%s is refused, and nothing is sent", async (_, url, behind) => {
    const { target, heard } = await upstream();
    // As a server could make one that takes the request line at its word.
    const request = new Proxy(asked(), {
      get: (real, name) => (name === "url" ? url : Reflect.get(real, name, real)),
    });
    const response = await forward(request, { ...target, address: target.address + behind });
    expect(await problem(response)).toEqual(UNSENDABLE);
    expect(heard).toEqual([]);
  });

  it("keeps user name and password of a URL to itself", async () => {
    const { target, last } = await upstream();
    const request = new Proxy(asked(), {
      get: (real, name) => (name === "url" ? "https://a:b@shop.example/c?d" : Reflect.get(real, name, real)),
    });
    await forward(request, target);
    expect([last().url, last().headers["x-forwarded-host"], last().headers.authorization]).toEqual([
      "/c?d",
      "shop.example",
      undefined,
    ]);
  });

  it.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])(
    "%s is passed on as it is",
    async (method) => {
      const { target, last } = await upstream();
      expect((await forward(asked("/", { method }), target)).status).toBe(200);
      expect(last().method).toBe(method);
    },
  );
});

describe("the fields of a request", () => {
  it("go along, but for those of the connection; where it comes from is said anew, whatever it says", async () => {
    const { target, last } = await upstream();
    const headers = {
      "X-Plain": "1",
      Cookie: "a=1; b=2",
      "Idempotency-Key": '"k"',
      "Accept-Encoding": "gzip, br, zstd",
      Connection: "keep-alive, X-Hop, Idempotency-Key, Cookie",
      "X-Hop": "1",
      "Keep-Alive": "timeout=5",
      "Proxy-Authorization": "Basic x",
      "Proxy-Connection": "keep-alive",
      TE: "trailers",
      Trailer: "X-Sum",
      "Transfer-Encoding": "chunked",
      Upgrade: "websocket",
      Expect: "100-continue",
      Host: "evil.example",
      Forwarded: "for=6.6.6.6;host=evil.example",
      "X-Forwarded-For": "6.6.6.6",
      "X-Forwarded-Host": "evil.example",
      "X-Forwarded-Proto": "gopher",
      "X-Forwarded-Prefix": "/evil",
    };
    await forward(new Request("https://shop.example:8443/a", { headers }), target);
    expect(linesOf(last())).toEqual([
      "accept-encoding: identity",
      "cookie: a=1; b=2",
      'idempotency-key: "k"',
      "x-forwarded-host: shop.example:8443",
      "x-forwarded-proto: https",
      "x-plain: 1",
    ]);
    expect(last().headers.host).toBe(target.address.slice("http://".length));
  });

  it("give way to those of the target, in any case of letters, all lines of them", async () => {
    const { target, last } = await upstream();
    const lines = [
      ["Via", "1.1 r1"],
      ["schema-rev", "12"],
      ["X-Forwarded-Proto", "h3"],
      ["X-Many", "1"],
      ["x-many", "2"],
    ] as const;
    await forward(asked("/", { headers: { via: "1.0 x", "Schema-Rev": "11", "X-Many": "0" } }), {
      ...target,
      headers: lines,
    });
    const { via, "schema-rev": rev, "x-many": many, "x-forwarded-proto": proto } = last().headers;
    expect([via, rev, many, proto]).toEqual(["1.1 r1", "12", "1, 2", "h3"]);
  });

  it("never announce a body that does not come: the next request would be taken for it", async () => {
    const { target, last } = await upstream();
    await forward(asked("/", { headers: { "Content-Length": "99" } }), target);
    expect(last().headers["content-length"]).toBeUndefined();
    await forward(asked("/", { method: "POST", headers: { "Content-Length": "99" } }), target);
    expect(last().headers["content-length"]).toBe("0");
  });
});

describe("the body of a request", () => {
  async function whole(request: IncomingMessage): Promise<string> {
    let text = "";
    for await (const piece of request) text += piece;
    return text;
  }

  it("is passed on as it comes", async () => {
    const came: string[] = [];
    const { target } = await upstream((request, response) => {
      request.on("data", (piece) => came.push(String(piece)));
      request.on("end", () => response.end(came.join("")));
    });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const answer = forward(asked("/", { method: "POST", body: readable, duplex: "half" }), target);
    for (const piece of ["one", "two"]) {
      await writer.write(new TextEncoder().encode(piece));
      await until(`${piece} is there`, () => came.at(-1) === piece);
    }
    await writer.close();
    expect(await (await answer).text()).toBe("onetwo");
  });

  it("keeps its length, where it was said", async () => {
    const { target, last } = await upstream(async (request, response) => void response.end(await whole(request)));
    const said = asked("/", { method: "POST", body: "12345", headers: { "Content-Length": "5" } });
    expect(await (await forward(said, target)).text()).toBe("12345");
    expect([last().headers["content-length"], last().headers["transfer-encoding"]]).toEqual(["5", undefined]);
    expect(await (await forward(posted("12345"), target)).text()).toBe("12345");
    expect([last().headers["content-length"], last().headers["transfer-encoding"]]).toEqual([undefined, "chunked"]);
  });

  it("is not read ahead of the target", async () => {
    const { target } = await upstream((request) => request.pause());
    const client = new AbortController();
    let pulledBytes = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        // As the body of a client that has gone: without it Node's fetch would read on and on.
        if (client.signal.aborted) return controller.error(client.signal.reason);
        pulledBytes += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const init = { method: "POST", body: endless, duplex: "half", signal: client.signal } as const;
    const answer = forward(asked("/", init), target);
    await untilStill(() => pulledBytes);
    expect(pulledBytes).toBeLessThan(64_000_000);
    client.abort();
    expect((await answer).status).toBe(502);
  });

  it("that somebody has read, or is about to, is refused: nothing is sent", async () => {
    const { target, heard } = await upstream();
    const [read, locked] = [posted(), posted()];
    await read.text();
    locked.body?.getReader();
    expect(await problem(await forward(read, target))).toEqual(UNSENDABLE);
    expect(await problem(await forward(locked, target))).toEqual(UNSENDABLE);
    expect(heard).toEqual([]);
  });
});

/** Settles when a number has not grown for a while. */
async function untilStill(read: () => number): Promise<void> {
  let [last, times] = [-1, 0];
  await until("nothing moves any more", () => {
    times = read() === last ? times + 1 : 0;
    last = read();
    return last > 0 && times === 15;
  });
}

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
    expect(await answer.text()).toBe("data: 2\n\n");
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
        "Content-Length": "2",
      });
      response.end("ok");
    });
    const answer = await forward(asked(), target);
    expect([...answer.headers].sort()).toEqual([
      ["cache-control", "no-store"],
      ["content-length", "2"],
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

describe("a client that leaves", () => {
  async function left(handler: RequestListener): Promise<{ target: ForwardTarget; isClosed: () => boolean }> {
    let isClosed = false;
    const { target } = await upstream((request, response) => {
      response.on("close", () => {
        isClosed = !response.writableFinished;
      });
      handler(request, response);
    });
    return { target, isClosed: () => isClosed };
  }

  it("before the answer ends the request at the target", async () => {
    const client = new AbortController();
    const { target, isClosed } = await left(() => client.abort());
    const answer = await forward(asked("/", { signal: client.signal }), target);
    expect(await problem(answer)).toEqual(FAILED);
    await until("the target is told", isClosed);
  });

  it("before the request was sent sends none", async () => {
    const { target, heard } = await upstream();
    await forward(asked("/", { signal: AbortSignal.abort() }), target);
    expect(heard).toEqual([]);
  });

  it.each(["aborts", "cancels the body"])(
    "in the middle of the answer, because it %s, ends it at the target",
    async (how) => {
      const client = new AbortController();
      const { target, isClosed } = await left((_, response) => void response.write("one"));
      const answer = await forward(asked("/", { signal: client.signal }), target);
      expect(await firstPieceOf(answer.body)).toBe("one");
      if (how === "aborts") client.abort();
      else await answer.body?.cancel();
      await until("the target is told", isClosed);
    },
  );
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
    expect(await answer.text()).toBe("two");
  });
});

describe("options", () => {
  it.each<[string, unknown, string]>([
    ["a fetch that is none", { fetch: 1 }, "fetch must be a function, got 1"],
    ["no time", { timeoutMs: 0 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 0"],
    [
      "endless time",
      { timeoutMs: Number.NaN },
      "timeoutMs must be a positive number of milliseconds below 2^31, got NaN",
    ],
    ["an unknown one", { agent: 1 }, "fetchForward has no option agent; it has fetch, timeoutMs"],
  ])("%s is a TypeError at once", (_, options, message) => {
    expect(() => fetchForward(options as FetchForwardOptions)).toThrow(new TypeError(message));
  });
});
