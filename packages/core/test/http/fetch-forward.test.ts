import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { type FetchForwardOptions, fetchForward } from "../../src/revisions.js";
import { asked, at, FRONT, forward, problem, UNSENDABLE, upstream } from "./forward-support.js";

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
    const lengths: unknown[] = [];
    const watched: typeof fetch = async (_, init) => {
      lengths.push(new Headers(init?.headers).get("content-length"));
      return new Response();
    };
    for (const method of ["GET", "POST"]) {
      const request = asked("/", { method, headers: { "Content-Length": "99" } });
      await forward(request, at("http://r2.internal"), { fetch: watched });
    }
    expect(lengths).toEqual([null, null]);
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
