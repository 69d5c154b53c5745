import { createServer, type RequestListener } from "node:http";
import { OnceoverError } from "@onceover/core";
import { listen } from "@onceover/test/listen";
import { until } from "@onceover/test/wait";
import { afterEach, describe, expect, it } from "vitest";
import { type HttpPinsOptions, httpPins } from "../../src/pins.js";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(handler: RequestListener): Promise<string> {
  const { url, close } = await listen(createServer(handler));
  ends.push(close);
  return url;
}

const answering =
  (body: string | Uint8Array, status = 200): RequestListener =>
  (_, response) =>
    void response.writeHead(status, { "Content-Type": "application/json" }).end(body);

const PINS = '{"schemaRev":12,"indexHash":"ix1-9f"}';

async function rejection(url: string, options: Partial<HttpPinsOptions> = {}): Promise<OnceoverError> {
  const found: unknown = await httpPins({ url, ...options })().catch((error: unknown) => error);
  if (found instanceof OnceoverError) return found;
  throw new Error(`it was not rejected as it should be: ${JSON.stringify(found)}`);
}

describe("httpPins()", () => {
  it("reads a JSON object, each time anew, and says that it wants one", async () => {
    const asked: unknown[] = [];
    const url = await serve((request, response) => {
      asked.push([request.method, request.url, request.headers.accept, request.headers.authorization]);
      response.end(`{"schemaRev":${asked.length}}`);
    });
    const read = httpPins({ url: new URL(`${url}/pins?of=us`), headers: { Authorization: "Bearer b" } });
    expect([await read(), await read()]).toEqual([{ schemaRev: 1 }, { schemaRev: 2 }]);
    const once = ["GET", "/pins?of=us", "application/json", "Bearer b"];
    expect(asked).toEqual([once, once]);
  });

  it("reads what is 64 KiB long, and nothing longer, even if it says nothing of its length", async () => {
    const of = (bytes: number) => `{"a":"${"x".repeat(bytes - 8)}"}`;
    const url = await serve(answering(of(65_536)));
    expect(await httpPins({ url })()).toEqual({ a: "x".repeat(65_528) });
    const longer = await serve(answering(of(65_537)));
    expect((await rejection(longer)).message).toContain("it answered more than 65536 bytes");
    let isCut = false;
    const endless = await serve((_, response) => {
      const write = () => response.write("x".repeat(16_384), (error) => error ?? setImmediate(write));
      response.on("close", () => {
        isCut = true;
      });
      write();
    });
    expect((await rejection(endless)).message).toContain("it answered more than 65536 bytes");
    await until("nobody reads on", () => isCut);
  });

  it.each<[string, RequestListener, string]>([
    ["404", answering(PINS, 404), "it answered 404, not 200"],
    ["500", answering(PINS, 500), "it answered 500, not 200"],
    ["201", answering(PINS, 201), "it answered 201, not 200"],
    ["204", (_, response) => void response.writeHead(204).end(), "it answered 204, not 200"],
    ["an empty body", answering(""), "it answered no JSON object"],
    ["no JSON", answering("<html>secret"), "it answered no JSON object"],
    ["half an object", answering(PINS.slice(0, -1)), "it answered no JSON object"],
    ["a list", answering("[]"), "it answered no JSON object"],
    ["null", answering("null"), "it answered no JSON object"],
    ["a text", answering('"12"'), "it answered no JSON object"],
    ["no UTF-8", answering(Uint8Array.of(0x22, 0xff, 0x22)), "not valid"],
  ])("rejects for %s, in words that show nothing of it", async (_, handler, message) => {
    const url = await serve(handler);
    const { code, message: told } = await rejection(`${url}/pins?key=secret`);
    expect([code, told]).toEqual(["store-unavailable", expect.stringContaining(message)]);
    expect(told).toContain(`the pins could not be read from ${url}/pins: `);
    expect(told).not.toContain("secret");
  });

  it.each([301, 302, 303, 307, 308])("follows no redirect %d", async (status) => {
    const asked: unknown[] = [];
    const url = await serve(({ url: target }, response) => {
      asked.push(target);
      response.writeHead(status, { Location: "/elsewhere" }).end(PINS);
    });
    expect((await rejection(`${url}/`)).message).toContain(`it answered ${status}, not 200`);
    expect(asked).toEqual(["/"]);
  });

  it.each<[string, RequestListener]>([
    ["no head", () => {}],
    ["no body", (_, response) => void response.writeHead(200).flushHeaders()],
    ["half a body", (_, response) => void response.write(PINS.slice(0, 9))],
  ])("rejects in time where there comes %s, and hangs up", async (_, handler) => {
    let isClosed = false;
    const url = await serve((request, response) => {
      response.on("close", () => {
        isClosed = true;
      });
      handler(request, response);
    });
    const { message } = await rejection(url, { timeoutMs: 60 });
    expect(message).toContain("there was no whole answer within 60 ms");
    await until("the connection is closed", () => isClosed);
  });

  it("rejects in time where a fetch of the application's own never settles, and passes what it throws on as the cause", async () => {
    const never = await rejection("http://pins.example/", { timeoutMs: 20, fetch: () => new Promise(() => {}) });
    expect(never.message).toBe(
      "the pins could not be read from http://pins.example/: there was no whole answer within 20 ms",
    );
    const cause = new Error("no route");
    const thrown = await rejection("http://pins.example/", {
      fetch: () => {
        throw cause;
      },
    });
    expect([thrown.message, thrown.cause]).toEqual([
      "the pins could not be read from http://pins.example/: no route",
      cause,
    ]);
  });

  it("rejects where nobody listens, and where the answer is cut, with what the runtime says of it", async () => {
    const { url, close } = await listen(createServer());
    await close();
    expect((await rejection(url)).message).toContain(`${url}/: fetch failed: connect ECONNREFUSED`);
    const cutting = await serve((_, response) => {
      response.writeHead(200, { "Content-Length": "99" }).write(PINS);
      setImmediate(() => response.socket?.resetAndDestroy());
    });
    expect((await rejection(cutting)).code).toBe("store-unavailable");
  });

  it("has no member that an answer could bring in by its name", async () => {
    const url = await serve(answering('{"__proto__":{"schemaRev":99},"constructor":1}'));
    const pins = await httpPins({ url })();
    expect(pins.schemaRev).toBeUndefined();
    expect(Object.keys(pins)).toEqual(["__proto__", "constructor"]);
    expect("schemaRev" in {}).toBe(false);
  });

  const url = "http://pins.example/";
  it.each<[string, unknown, string]>([
    ["no options", undefined, "httpPins must be given an object of options, got undefined"],
    ["no url", {}, "url must be an absolute URL of http or https, got undefined"],
    ["a path", { url: "/pins" }, "url must be an absolute URL of http or https, got a text of 5 characters"],
    ["a file", { url: "file:///pins" }, "url must be an absolute URL of http or https, got a text of 12 characters"],
    [
      "a password",
      { url: "http://a:secret@pins.example/" },
      "url must have neither user name nor password; a header can say who asks",
    ],
    ["no time", { url, timeoutMs: 0 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 0"],
    [
      "endless time",
      { url, timeoutMs: 2 ** 31 },
      "timeoutMs must be a positive number of milliseconds below 2^31, got 2147483648",
    ],
    ["a fetch that is none", { url, fetch: "fetch" }, 'fetch must be a function, got "fetch"'],
    [
      "headers that are none",
      { url, headers: "secret" },
      "headers must be an object of header values by name, of characters that a header can have",
    ],
    [
      "a value with a line break",
      { url, headers: { A: "secret\r\nB: b" } },
      "headers must be an object of header values by name, of characters that a header can have",
    ],
    ["an unknown option", { url, timeout: 1 }, "httpPins has no option timeout; it has url, fetch, timeoutMs, headers"],
  ])("%s is a TypeError at once", (_, options, message) => {
    const create = () => httpPins(options as HttpPinsOptions);
    expect(create).toThrow(new TypeError(message));
  });
});
