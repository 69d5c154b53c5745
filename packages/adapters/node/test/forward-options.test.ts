import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { Server } from "node:net";
import express from "express";
import { Agent } from "undici";
import { describe, expect, it } from "vitest";
import { nodeForward, tunnelUpgrade } from "../src/forward.js";
import { problemIn, requestText, talk } from "./forward-stage.js";
import { current, staged } from "./forward-staged.js";

describe("a body that was read before", () => {
  const app = (parser?: express.RequestHandler) => (listener: RequestListener) => {
    const served = express();
    if (parser !== undefined) served.use(parser);
    served.use((request, response) => listener(request, response));
    return createServer(served);
  };
  const echo = async (request: IncomingMessage, response: ServerResponse) => {
    response.end(Buffer.concat(await request.toArray()));
  };
  const send = async (front: (listener: RequestListener) => Server, lines: readonly string[], body: string) => {
    const { port } = await staged({ upstream: echo, front });
    return (await talk(port, requestText("POST /", [...lines, `Content-Length: ${body.length}`], body))).text;
  };
  const JSON_TYPE = "Content-Type: application/json";

  it("is answered 502 where nothing is left but what a parser made of it", async () => {
    const text = await send(app(express.json()), [JSON_TYPE], '{ "a": 1 }');
    expect(problemIn(text)).toMatchObject({ code: "forward-failed", status: 502, executed: false });
    expect(problemIn(text).detail).toContain("read before");
  });

  it("goes as it came where the parser keeps bytes", async () => {
    expect(await send(app(express.raw({ type: "*/*" })), [JSON_TYPE], '{ "a": 1 }')).toMatch(/\{ "a": 1 \}/);
  });

  it("goes as it came where the parser left it alone", async () => {
    expect(await send(app(express.json()), ["Content-Type: text/x"], "text")).toMatch(/text/);
    await current().close();
    expect(await send(app(), [JSON_TYPE], '{ "a": 1 }')).toMatch(/\{ "a": 1 \}/);
  });
});

describe("the options of nodeForward", () => {
  it.each([
    [{ headersTimeoutMs: 0 }, "headersTimeoutMs must be a positive whole number of milliseconds below 2^31, got 0"],
    [{ connectTimeoutMs: 1.5 }, "connectTimeoutMs must be a positive whole number of milliseconds below 2^31, got 1.5"],
    [{ dispatcher: {} }, "dispatcher must be a Dispatcher of undici, got [object Object]"],
    [{ timeoutMs: 1 }, "nodeForward has no option timeoutMs; it has dispatcher, headersTimeoutMs, connectTimeoutMs"],
    [
      { dispatcher: new Agent(), connectTimeoutMs: 1 },
      "connectTimeoutMs must be left out beside a dispatcher, which has its own, got 1",
    ],
  ])("are checked at creation, with a message that names option, rule and value: %o", (options, message) => {
    expect(() => nodeForward(options as never)).toThrow(new TypeError(message));
  });

  it("lets a dispatcher of one's own send, which has its own connections", async () => {
    const dispatcher = new Agent({ connections: 1 });
    const { port, upstreamConnections } = await staged({
      upstream: (_, response) => void response.end("ok"),
      options: { dispatcher },
    });
    await Promise.all([1, 2, 3].map(() => talk(port, requestText("GET /"))));
    expect(upstreamConnections()).toBe(1);
    await dispatcher.close();
  });
});

describe("the limits of tunnelUpgrade", () => {
  it("are checked when it is called, with a message that names limit, rule and value", () => {
    const nothing = { revision: "r2", address: "http://127.0.0.1:1", headers: [] };
    const call = () => tunnelUpgrade({} as never, {} as never, Buffer.alloc(0), nothing, { headersTimeoutMs: -1 });
    expect(call).toThrow("headersTimeoutMs must be a positive whole number of milliseconds below 2^31, got -1");
  });
});
