import { createServer, type IncomingMessage } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Socket } from "node:net";
import { listen } from "@onceover/test/listen";
import { LOCALHOST } from "@onceover/test/localhost";
import { Agent, type Dispatcher, interceptors } from "undici";
import { describe, expect, it } from "vitest";
import { problemIn, requestText, talk } from "./forward-stage.js";
import { current, staged } from "./forward-staged.js";

describe("a target behind TLS", () => {
  const secure = () =>
    createHttpsServer(
      LOCALHOST,
      (request: IncomingMessage & { socket: Socket & { servername?: string } }, response) => {
        response.end(`${request.headers.host} by ${request.socket.servername}`);
      },
    );

  it("is known by the certificate of its own address, whatever host the request is for", async () => {
    const dispatcher = new Agent({ connect: { ca: LOCALHOST.cert } });
    const back = await listen(secure());
    const address = back.url.replace("127.0.0.1", "localhost");
    const { port } = await staged({ upstream: () => {}, address, options: { dispatcher } });
    for (const host of ["shop.example", "other.example"]) {
      const { text } = await talk(port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect(text).toContain(`${host} by localhost`);
    }
    await dispatcher.close();
    await back.close();
  });

  it("is not reached where its certificate is not trusted, and nothing was executed", async () => {
    const back = await listen(secure());
    const { port } = await staged({ upstream: () => {}, address: back.url });
    const { text } = await talk(port, requestText("GET /"));
    expect(problemIn(text)).toMatchObject({ code: "revision-unreachable", executed: false });
    await back.close();
  });
});

describe("a dispatcher of one's own", () => {
  /** One that takes handlers of the newer kind alone, as undici 8 does, and hands out the lines as they came, or merged. */
  const newer = (agent: Agent, tellsRaw: boolean) =>
    ({
      dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) {
        if (options.origin === undefined) handler.onResponseError?.(undefined as never, new Error("no origin"));
        else if (handler.onRequestStart === undefined) throw new TypeError("invalid onRequestStart method");
        else agent.dispatch(options, tellsRaw ? withRaw(handler) : handler);
        return true;
      },
    }) as unknown as Dispatcher;

  const withRaw = (handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler => ({
    onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
    onResponseStart(controller, status, headers, message) {
      const raw = Object.entries(headers).flatMap(([name, value]) =>
        [value].flat().flatMap((each) => [name.toUpperCase(), each]),
      );
      handler.onResponseStart?.(Object.assign(controller, { rawHeaders: raw }), status, headers, message);
    },
    onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
    onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
    onResponseError: (controller, error) => handler.onResponseError?.(controller, error),
  });

  it.each([
    ["of the older kind", (agent: Agent) => agent, "Set-Cookie"],
    [
      "with an interceptor",
      (agent: Agent) => agent.compose(interceptors.redirect({ maxRedirections: 1 })),
      "set-cookie",
    ],
    ["of the newer kind", (agent: Agent) => newer(agent, true), "SET-COOKIE"],
    ["of the newer kind that tells merged lines alone", (agent: Agent) => newer(agent, false), "set-cookie"],
  ])("is asked in the way it knows, and every line comes back: one %s", async (_what, make, name) => {
    const agent = new Agent();
    const text = "x".repeat(3_000_000);
    const upstream = createServer((_, response) => {
      response.writeHead(200, ["Set-Cookie", "a=1", "Set-Cookie", "b=\xe9"]).end(text);
    });
    const { port } = await staged({ upstream, options: { dispatcher: make(agent) } });
    const got = await talk(port, requestText("GET /"));
    expect(got.text.match(/set-cookie: .*/gi)).toEqual([`${name}: a=1`, `${name}: b=\xe9`]);
    expect(got.text.match(/x{1000,}/g)?.join("")).toHaveLength(text.length);
    await current().close();
    const refused = await staged({
      upstream: () => {},
      address: "http://127.0.0.1:1",
      options: { dispatcher: make(agent) },
    });
    expect(problemIn((await talk(refused.port, requestText("GET /"))).text)).toMatchObject({
      code: "revision-unreachable",
    });
    await agent.close();
  });
});
