import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { problemIn, requestText, type StageSetup, talk } from "./forward-stage.js";
import { current, staged } from "./forward-staged.js";

/** What came of a request at the other side, told back as JSON. */
async function mirror(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, rawHeaders } = request;
  const body = Buffer.concat(await request.toArray()).toString("latin1");
  response.end(JSON.stringify({ method, url, rawHeaders, body }), "latin1");
}

interface Mirrored {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

async function mirrored(setup: Omit<StageSetup, "upstream">, ...pieces: string[]): Promise<Mirrored> {
  const { port } = await staged({ upstream: mirror, ...setup });
  const { text } = await talk(port, ...pieces);
  return JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
}

/** The values of a field, in their order. */
function valuesOf({ rawHeaders }: Mirrored, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/** A server behind that answers whatever comes with these bytes, and ends nothing by itself. */

/** Everything a field may be spelled like that is none of the target's business. */
const OF_THE_CONNECTION = [
  "Keep-Alive: timeout=5",
  "Proxy-Connection: keep-alive",
  "Proxy-Authorization: Basic eA==",
  "TE: trailers",
  "Trailer: X-Sum",
  "Upgrade-Insecure-Requests: 1",
];

describe("a forwarded request", () => {
  it("keeps method, path, query and host", async () => {
    const got = await mirrored({}, requestText("REPORT /a//b%2F..?q=1&q=%C3%A9"));
    expect([got.method, got.url, valuesOf(got, "host")]).toEqual([
      "REPORT",
      "/a//b%2F..?q=1&q=%C3%A9",
      ["shop.example"],
    ]);
  });

  it("goes to the path and the host of an absolute target, which outranks the Host field", async () => {
    const got = await mirrored({}, requestText("GET http://other.example:81?q=1"));
    expect([got.url, valuesOf(got, "host")]).toEqual(["/?q=1", ["other.example:81"]]);
  });

  it("goes to the whole path, though a router in front has cut it", async () => {
    const before = (request: IncomingMessage) => Object.assign(request, { originalUrl: request.url, url: "/cut" });
    expect((await mirrored({ before }, requestText("GET /whole/cut"))).url).toBe("/whole/cut");
  });

  it("keeps header lines in their order, their spelling and their number", async () => {
    const lines = ["X-b: 2", "x-A: 1", "X-B: 3", "Cookie: a=1", "cookie: b=2", "Accept: */*"];
    const { rawHeaders } = await mirrored({}, requestText("GET /", lines));
    const got = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
    expect(got.filter((line) => lines.includes(line))).toEqual(lines);
  });

  it("leaves behind what belongs to the connection, and what Connection names", async () => {
    const connection = "Connection: X-Hop, keep-alive, TE";
    const got = await mirrored({}, requestText("GET /", [connection, ...OF_THE_CONNECTION, "X-Hop: 1", "X-Stay: 1"]));
    const names = got.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    const ours = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"];
    expect(names.toSorted()).toEqual(["connection", "host", "upgrade-insecure-requests", "x-stay", ...ours].toSorted());
    expect(valuesOf(got, "connection")).toEqual(["keep-alive"]);
  });

  it("keeps length, host, credentials, key and Via, whoever names them in Connection", async () => {
    const kept = [
      "Via: 1.1 edge",
      "Authorization: Bearer x",
      "Cookie: a=1",
      "Idempotency-Key: k",
      "Content-Type: text/x",
    ];
    const connection =
      "Connection: close, Content-Length, Host, Via, Authorization, Cookie, Idempotency-Key, Content-Type";
    const text = `POST / HTTP/1.1\r\n${["Host: shop.example", connection, "Content-Length: 5", ...kept].join("\r\n")}\r\n\r\nhello`;
    const got = await mirrored({}, text);
    expect([got.body, valuesOf(got, "host"), valuesOf(got, "content-length")]).toEqual([
      "hello",
      ["shop.example"],
      ["5"],
    ]);
    for (const line of kept) expect(valuesOf(got, line.split(":")[0]?.toLowerCase() ?? "")).toHaveLength(1);
  });

  it("says what this process knows of the client, and nothing of what the client says of itself", async () => {
    const lines = ["For", "Host", "Proto", "Port", "Prefix", "Client-Cert"].map(
      (name) => `X-Forwarded-${name}: forged`,
    );
    const got = await mirrored({}, requestText("GET /", [...lines, "Forwarded: for=forged", "x-forwarded-for: again"]));
    expect(valuesOf(got, "x-forwarded-for")).toEqual(["127.0.0.1"]);
    expect(valuesOf(got, "x-forwarded-host")).toEqual(["shop.example"]);
    expect(valuesOf(got, "x-forwarded-proto")).toEqual(["http"]);
    expect(valuesOf(got, "x-forwarded-port")).toEqual([String(current().port)]);
    expect(got.rawHeaders.filter((text) => /^x-forwarded-/i.test(text))).toHaveLength(4);
    expect(valuesOf(got, "forwarded")).toEqual(['for=127.0.0.1;host="shop.example";proto=http']);
  });

  it("has the target's lines in place of its own, whatever their case, and of what we would say", async () => {
    const headers = [
      ["Via", "1.1 edge, 1.1 onceover"],
      ["Set-Me", "one"],
      ["Set-Me", "two"],
      ["X-Forwarded-For", "10.0.0.9"],
    ] as const;
    const got = await mirrored(
      { headers },
      requestText("GET /", ["via: 1.1 edge", "set-me: theirs", "SET-ME: theirs"]),
    );
    expect(valuesOf(got, "via")).toEqual(["1.1 edge, 1.1 onceover"]);
    expect(valuesOf(got, "set-me")).toEqual(["one", "two"]);
    expect(valuesOf(got, "x-forwarded-for")).toEqual(["10.0.0.9"]);
  });

  it("keeps bytes beyond ASCII as they came", async () => {
    const got = await mirrored({}, requestText("GET /", ["X-Name: Jos\xe9 \xff"]));
    expect(valuesOf(got, "x-name")).toEqual(["Jos\xe9 \xff"]);
  });

  it("keeps a length a length, and chunks chunks, however much of it is there already", async () => {
    const withLength = await mirrored({}, requestText("POST /", ["Content-Length: 5"], "hello"));
    expect([withLength.body, valuesOf(withLength, "content-length")]).toEqual(["hello", ["5"]]);
    await current().close();
    const lines = ["Transfer-Encoding: chunked"];
    const before = () => new Promise((resolve) => setImmediate(resolve));
    const chunked = await mirrored({ before }, requestText("POST /", lines, "5\r\nhello\r\n0\r\n\r\n"));
    expect([chunked.body, valuesOf(chunked, "transfer-encoding")]).toEqual(["hello", ["chunked"]]);
    expect(valuesOf(chunked, "content-length")).toEqual([]);
  });

  it.each(["GET", "DELETE"])("may be a %s with a body", async (method) => {
    const got = await mirrored({}, requestText(`${method} /`, ["Content-Length: 2"], "ab"));
    expect([got.body, valuesOf(got, "content-length")]).toEqual(["ab", ["2"]]);
  });

  it("is told to go on once, by us, where it expects that", async () => {
    const { port } = await staged({ upstream: mirror });
    const { text } = await talk(port, requestText("POST /", ["Expect: 100-continue", "Content-Length: 2"], "ab"));
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 100", "HTTP/1.1 200"]);
    expect(text).toContain('"body":"ab"');
    expect(text).not.toMatch(/expect/i);
  });
});

describe("a request of a shape that two servers may read differently", () => {
  it.each([
    ["both a length and chunks", ["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n"],
    ["two lengths", ["Content-Length: 5", "Content-Length: 6"], "hello!"],
    ["chunks that are not last", ["Transfer-Encoding: chunked, identity"], "0\r\n\r\n"],
    ["a length with a sign", ["Content-Length: +5"], "hello"],
    ["a name with a blank behind it", ["Transfer-Encoding : chunked"], "0\r\n\r\n"],
    ["a folded line", ["X-Fold: a\r\n b"], ""],
    ["a NUL in a value", ["X-Nul: a\0b"], ""],
  ])("is refused by Node, and asks nobody: %s", async (_what, lines, body) => {
    let asked = 0;
    const { port } = await staged({ upstream: () => (asked += 1) });
    const { text } = await talk(port, requestText("POST /", lines, body));
    expect([text.slice(0, 12), asked]).toEqual(["HTTP/1.1 400", 0]);
  });

  it("has one host there, the one that counted here", async () => {
    const got = await mirrored({}, "GET / HTTP/1.1\r\nHost: first\r\nHost: second\r\nConnection: close\r\n\r\n");
    expect(valuesOf(got, "host")).toEqual(["first"]);
  });

  it("leaves nothing on the connection that the next one would be answered for", async () => {
    const urls: (string | undefined)[] = [];
    const upstream = (request: IncomingMessage, response: ServerResponse) => {
      urls.push(request.url);
      request.resume().on("end", () => response.end(request.url));
    };
    const { port } = await staged({ upstream });
    const smuggled = "GET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    for (const method of ["GET", "HEAD", "POST"]) {
      await talk(port, requestText(`${method} /outer`, [`Content-Length: ${smuggled.length}`], smuggled));
      await talk(port, requestText(`${method} /next`));
    }
    expect(urls).not.toContain("/smuggled");
    expect(urls).toHaveLength(6);
  });

  it("answers 502 to a target that is no path, and nothing was executed", async () => {
    let asked = 0;
    const { port } = await staged({ upstream: () => (asked += 1) });
    const { text } = await talk(port, requestText("OPTIONS *"));
    expect(problemIn(text)).toMatchObject({ code: "forward-failed", status: 502, executed: false });
    expect(asked).toBe(0);
  });
});
