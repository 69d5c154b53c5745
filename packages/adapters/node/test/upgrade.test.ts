import { once as happens } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { createOnceover, memoryStore, type Pinned, type Pins, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { createPinKeys, fetchForward, type GivenForwarder, memoryRegistry, revisions } from "@onceover/core/revisions";
import { listen } from "@onceover/test/listen";
import { until } from "@onceover/test/wait";
import { afterEach, describe, expect, it, vi } from "vitest";
import { nodeForward } from "../src/forward.js";
import { onUpgrade, type UpgradeHandler, type UpgradeOptions } from "../src/index.js";
import { WebSocket, type WebSocketEnd } from "./web-socket.js";

interface UpgradingServer {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, use: (end: WebSocketEnd) => void): void;
}
type Ws = { readonly WebSocketServer: new (options: { readonly noServer: true }) => UpgradingServer };
const { WebSocketServer } = createRequire(import.meta.url)("ws") as Ws;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  vi.restoreAllMocks();
});

/** What the revisions of one test share. */
function stage() {
  return {
    registry: memoryRegistry(),
    keys: createPinKeys({ service: "chat", keys: [{ id: "a", secret: new Uint8Array(32).fill(7) }] }),
    forwarder: nodeForward() as GivenForwarder,
  };
}

interface ServeOptions {
  readonly options?: UpgradeOptions;
  readonly handler?: UpgradeHandler;
  /** What the backend has, asked for each upgrade. */
  readonly read?: () => Promise<Pins>;
}

/** A server whose WebSockets say which revision they are of, and then answer each message with itself. */
async function serve(
  { registry, keys, forwarder }: ReturnType<typeof stage>,
  revision: string,
  { options, handler, read }: ServeOptions = {},
) {
  const server = createServer((_request, response) => void response.end("no WebSocket"));
  const { url, close } = await listen(server);
  closing.push(close);
  const once = createOnceover({
    service: "chat",
    revision,
    store: memoryStore(),
    scope: SHARED_SCOPE,
    idempotency: { required: true },
    pins: pins({
      writes: { indexHash: `ix-${revision}` },
      ...(read && { read, refreshMs: 0 }),
      revisions: revisions({
        registry,
        keys,
        forwarder,
        address: url,
        addresses: ({ hostname }) => hostname === "127.0.0.1",
      }),
    }),
  });
  const sockets = new WebSocketServer({ noServer: true });
  const seen: (Pinned | undefined)[] = [];
  const echo: UpgradeHandler = (request, socket, head, pinned) => {
    seen.push(pinned);
    sockets.handleUpgrade(request, socket, head, (end) => {
      end.send(`${revision}:${pinned?.asked.indexHash ?? ""}`);
      end.on("message", (data: Buffer) => end.send(String(data)));
    });
  };
  const ended: Promise<unknown>[] = [];
  server.on(
    "upgrade",
    (_request, socket: Duplex) => void ended.push(new Promise((done) => socket.once("close", done))),
  );
  server.on("upgrade", onUpgrade(once, handler ?? echo, options));
  const announcing = await once.pins.announce();
  closing.push(announcing.stop);
  return { once, seen, ended, socketUrl: url.replace("http", "ws") };
}

/** Opens a WebSocket and gives its first message. */
async function open(url: string, headers: Readonly<Record<string, string>> = {}) {
  const end = new WebSocket(url, [], { headers });
  const [[hello]] = await Promise.all([happens(end, "message"), happens(end, "open")]);
  return { end, hello: String(hello) };
}

/** The answer to an upgrade that is refused; `undefined` where the connection just ends. */
async function refused(url: string, headers: Readonly<Record<string, string>> = {}) {
  const end = new WebSocket(url, [], { headers });
  const answered = new Promise<{ status: number; problem: unknown; said: unknown } | undefined>((resolve) => {
    end.on("open", () => resolve(undefined));
    end.on("error", () => resolve(undefined));
    end.on("unexpected-response", (_request: unknown, response: IncomingMessage) => {
      void response.toArray().then((chunks) => {
        const problem: unknown = JSON.parse(Buffer.concat(chunks).toString());
        resolve({ status: response.statusCode ?? 0, problem, said: response.headers.revision });
      });
    });
  });
  return answered.finally(() => end.terminate());
}

async function close(end: WebSocketEnd): Promise<void> {
  end.close(1000);
  await happens(end, "close");
}

describe("onUpgrade()", () => {
  it("passes an upgrade without pins to the handler, who is told what is live", async () => {
    const { socketUrl, seen } = await serve(stage(), "r1");
    const { end, hello } = await open(socketUrl);
    expect([hello, seen[0]?.live, seen[0]?.revision]).toEqual(["r1:", { indexHash: "ix-r1" }, "r1"]);
    end.send("grüß dich");
    expect(String((await happens(end, "message"))[0])).toBe("grüß dich");
    await close(end);
  });

  it("passes an upgrade on to the revision its pins ask for, by header and by a token in the query", async () => {
    const house = stage();
    const [one, other] = [await serve(house, "r1"), await serve(house, "r2")];
    const token = await one.once.pins.sign("pin", "r1", 60_000);
    const byPins = await open(other.socketUrl, { "Index-Hash": "ix-r1" });
    const byToken = await open(`${other.socketUrl}/chat?room=1&revision-pin=${token}`);
    expect([byPins.hello, byToken.hello]).toEqual(["r1:ix-r1", "r1:"]);
    for (const { end } of [byPins, byToken]) {
      end.send("echo");
      expect(String((await happens(end, "message"))[0])).toBe("echo");
      await close(end);
    }
    expect([one.seen.length, other.seen.length]).toEqual([2, 0]);
  });

  it("answers what is refused, and the handler is not called", async () => {
    const { socketUrl, seen } = await serve(stage(), "r1", { options: { pins: { required: true } } });
    expect(await refused(socketUrl)).toMatchObject({ status: 428, problem: { code: "pins-missing" }, said: "r1" });
    const behind = await refused(socketUrl, { "Index-Hash": "ix-r9" });
    expect(behind).toMatchObject({ status: 412, problem: { code: "backend-behind", executed: false }, said: "r1" });
    const twice = await refused(socketUrl, { "Index-Hash": "ix-r1", "X-Index-Hash": "ix-r2" });
    expect(twice).toMatchObject({ status: 400, problem: { code: "pins-invalid" } });
    expect(seen).toEqual([]);
    const { end, hello } = await open(socketUrl, { "Index-Hash": "ix-r1" });
    expect(hello).toBe("r1:ix-r1");
    await close(end);
  });

  it("looks at no pins where they are false", async () => {
    const { socketUrl, seen } = await serve(stage(), "r1", { options: { pins: false } });
    const { end, hello } = await open(socketUrl, { "Index-Hash": "ix-r9" });
    expect([hello, seen]).toEqual(["r1:", [undefined]]);
    await close(end);
  });

  it("answers 502 where the forwarder passes no upgrades on", async () => {
    const house = { ...stage(), forwarder: fetchForward() };
    const [, other] = [await serve(house, "r1"), await serve(house, "r2")];
    const answer = await refused(other.socketUrl, { "Index-Hash": "ix-r1" });
    expect(answer).toMatchObject({ status: 502, problem: { code: "forward-failed", executed: false } });
  });

  it("has the instance's fetch know whose pins to send", async () => {
    let asked: string | undefined;
    const further = await listen(
      createServer(({ headers }, response) => {
        asked = headers["index-hash"]?.toString();
        response.end();
      }),
    );
    closing.push(further.close);
    const app = await serve(stage(), "r1", {
      async handler(_request, socket) {
        await (await app.once.fetch(further.url)).text();
        socket.destroy();
      },
    });
    await refused(app.socketUrl, { "Index-Hash": "ix-r1" });
    expect(asked).toBe("ix-r1");
  });

  it.each<[string, UpgradeHandler]>([
    [
      "throws",
      () => {
        throw new Error("no such room");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no such room"))],
  ])("ends the connection where the handler %s, and warns", async (_how, handler) => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const { socketUrl } = await serve(stage(), "r1", { handler });
    expect(await refused(socketUrl)).toBeUndefined();
    await until("it was told", () => warn.mock.calls.length === 1);
    expect(String(warn.mock.calls[0]?.[0])).toBe("Error: no such room");
  });

  it("does not call the handler for a client that has left while it was judged", async () => {
    let judging = () => {};
    let gate: Promise<void> | undefined;
    const read = async () => {
      await gate;
      return { indexHash: "ix-r1" };
    };
    const { socketUrl, seen, ended } = await serve(stage(), "r1", { read });
    gate = new Promise((resolve) => {
      judging = resolve;
    });
    const socket = connect(Number(new URL(socketUrl).port), "127.0.0.1");
    socket.write(
      "GET / HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nIndex-Hash: ix-r1\r\n\r\n",
    );
    await until("the upgrade has come", () => ended.length === 1);
    socket.resetAndDestroy();
    await ended[0];
    gate = undefined;
    judging();
    const { end, hello } = await open(socketUrl, { "Index-Hash": "ix-r1" });
    expect([hello, seen.length]).toEqual(["r1:ix-r1", 1]);
    await close(end);
  });

  it("checks what it is given when it is called", async () => {
    const { once } = await serve(stage(), "r1");
    // @ts-expect-error It must be a function.
    expect(() => onUpgrade(once, "handler")).toThrow("handler must be a function, got");
    // @ts-expect-error There is no such option.
    expect(() => onUpgrade(once, () => {}, { pins: { needed: true } })).toThrow("pins has no option needed");
  });
});
