import { createServer, type IncomingMessage, type ServerOptions } from "node:http";
import { connect } from "node:net";
import { createOnceover, memoryStore, type OnceoverEvent, SHARED_SCOPE } from "@onceover/core";
import { type Listening, listen } from "@onceover/test/listen";
import { afterEach, describe, expect, it } from "vitest";
import { type OnceListener, onceover } from "../src/index.js";

/** What fetch() says of a text. */
const TEXT = "text/plain;charset=UTF-8";

const closing: Listening[] = [];
afterEach(async () => {
  for (const { close } of closing.splice(0)) await close();
});

async function serve(options: ServerOptions, listener: OnceListener) {
  const events: OnceoverEvent[] = [];
  const on = (event: OnceoverEvent) => void events.push(event);
  const store = memoryStore();
  const once = createOnceover<IncomingMessage>({ service: "node", revision: "r1", store, scope: SHARED_SCOPE, on });
  const server = createServer(options, onceover(once, listener));
  const listening = await listen(server);
  closing.push(listening);
  const post = (body: string) => fetch(listening.url, { method: "POST", headers: { "Idempotency-Key": "k" }, body });
  return { server, url: new URL(listening.url), post, once, events };
}

/** Sends what it is given on a connection of its own, and gives what came until the server ended it. */
function exchange(url: URL, sent: string): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect(Number(url.port), url.hostname, () => socket.write(sent));
    socket.on("data", (chunk) => {
      received += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(received));
  });
}

const head = (length: number) =>
  `POST / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\nContent-Type: ${TEXT}\r\nContent-Length: ${length}\r\n\r\n`;

describe("a time-out of the server", () => {
  it("requestTimeout: a body that does not come in time claims no key, and the retry runs", async () => {
    let runs = 0;
    const options = { requestTimeout: 60, headersTimeout: 50, connectionsCheckingInterval: 20 };
    const { url, post, events } = await serve(options, (_request, response) => void response.end(`run ${++runs}`));
    expect(await exchange(url, `${head(100)}half of it`)).toMatch(/^(?:HTTP\/1.1 408 |$)/);
    await expect.poll(() => events.map(({ type }) => type)).toContain("refused");
    expect(runs).toBe(0);
    expect(await (await post("half of it")).text()).toBe("run 1");
  });

  it("server.setTimeout(): a handler that takes longer is recorded, and the retry replays", async () => {
    let runs = 0;
    const { server, url, post, once } = await serve({}, async (_request, response) => {
      runs += 1;
      await new Promise((resolve) => setTimeout(resolve, 200));
      response.end("paid");
    });
    server.setTimeout(50);
    expect(await exchange(url, `${head(1)}x`)).toBe("");
    await once.idle();
    const again = await post("x");
    expect([again.headers.get("idempotency-replayed"), await again.text(), runs]).toEqual(["true", "paid", 1]);
  });
});
