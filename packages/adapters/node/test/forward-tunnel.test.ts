import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { freePort } from "@onceover/test/free-port";
import { listen } from "@onceover/test/listen";
import { until } from "@onceover/test/wait";
import { afterEach, describe, expect, it } from "vitest";
import { behaving, problemIn, talk } from "./forward-stage.js";
import { current, staged } from "./forward-staged.js";
import { WebSocket, type WebSocketEnd, WebSocketServer } from "./web-socket.js";

afterEach(() => until("no connection is left", () => current().upstreamConnections() === 0));

/** An end that answers each message with itself. */
function echo(end: WebSocketEnd): void {
  end.on("error", () => {});
  end.on("message", (data: Buffer, binary: boolean) => end.send(data, { binary }));
}

interface Pair {
  readonly client: WebSocketEnd;
  readonly server: WebSocketEnd;
  readonly request: IncomingMessage;
}

async function openPair(options: object = {}): Promise<Pair> {
  const upstream = createServer();
  const sockets = new WebSocketServer({ server: upstream, maxPayload: 2 ** 26, ...options });
  const met = once(sockets, "connection");
  const { url } = await staged({ upstream, headers: [["Via", "1.1 onceover"]] });
  const client = new WebSocket(`${url.replace("http", "ws")}/chat?x=1`, ["v2.chat"], { maxPayload: 2 ** 26 });
  client.on("error", () => {});
  const [, [server, request]] = await Promise.all([once(client, "open"), met]);
  echo(server);
  return { client, server, request };
}

async function ask(client: WebSocketEnd, data: string | Buffer): Promise<Buffer> {
  const answer = once(client, "message");
  client.send(data);
  return (await answer)[0];
}

describe("a WebSocket through a tunnel", () => {
  it.each([
    ["plain", {}],
    ["with permessage-deflate", { perMessageDeflate: { threshold: 0 } }],
  ])("echoes texts and bytes, 10 MB in one message included: %s", async (_what, options) => {
    const { client } = await openPair(options);
    expect(client.extensions).toBe("perMessageDeflate" in options ? "permessage-deflate" : "");
    expect(String(await ask(client, "grüß dich"))).toBe("grüß dich");
    const large = randomBytes(10 * 2 ** 20);
    expect((await ask(client, large)).equals(large)).toBe(true);
    client.close(1000, "done");
    const [code, reason] = await once(client, "close");
    expect([code, String(reason)]).toEqual([1000, "done"]);
  });

  it("has its target's path, host, protocol and lines, and says who asks", async () => {
    const { client, request } = await openPair();
    const { url, headers } = request;
    expect([url, headers.via, headers.upgrade, headers.connection]).toEqual([
      "/chat?x=1",
      "1.1 onceover",
      "websocket",
      "Upgrade",
    ]);
    expect([headers["x-forwarded-for"], headers.host]).toEqual(["127.0.0.1", `127.0.0.1:${current().port}`]);
    expect(client.protocol).toBe("v2.chat");
    client.close();
    await once(client, "close");
  });

  it("is closed by its target with the target's own code", async () => {
    const { client, server } = await openPair();
    server.close(1012, "restarting");
    const [code, reason] = await once(client, "close");
    expect([code, String(reason)]).toEqual([1012, "restarting"]);
  });

  it("breaks for each end when the other one is killed", async () => {
    for (const killed of ["client", "server"] as const) {
      const pair = await openPair();
      const other = killed === "client" ? pair.server : pair.client;
      const closed = once(other, "close");
      pair[killed].terminate();
      expect((await closed)[0]).toBe(1006);
      await current().close();
    }
  });

  it("is not read faster than its other end reads", async () => {
    const { client, server } = await openPair();
    server.removeAllListeners("message");
    const { _socket: socket } = server as unknown as { readonly _socket: Socket };
    socket.pause();
    const chunk = randomBytes(2 ** 20);
    for (let at = 0; at < 64; at += 1) client.send(chunk);
    const { _socket: sending } = client as unknown as { readonly _socket: Socket };
    let left = -1;
    await until("nothing more leaves", async () => {
      const isStill = sending.writableLength === left;
      left = sending.writableLength;
      return isStill;
    });
    expect(left).toBeGreaterThan(32 * 2 ** 20);
    socket.resume();
    client.terminate();
  });
});

/** A server that agrees to every upgrade, and hands the connection on. */
function agreeing(then: (socket: Duplex, head: Buffer) => void): Server {
  const server = createServer();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`,
    );
    then(socket, head);
  });
  return server;
}

const UPGRADE = ["Connection: Upgrade", "Upgrade: echo/1"];
const upgradeText = (lines: readonly string[] = UPGRADE, method = "GET") =>
  `${method} /up HTTP/1.1\r\nHost: shop.example\r\n${lines.join("\r\n")}\r\n\r\n`;

describe("a tunnel of another protocol", () => {
  it("carries what was sent along with the request, and ends each way by itself", async () => {
    const upstream = agreeing((socket, head) => {
      let got = head.toString();
      socket.on("data", (chunk) => {
        got += chunk;
      });
      // Only when the client has ended its way does it hear what it said.
      socket.on("end", () => socket.end(`you said ${got}`));
    });
    const { port } = await staged({ upstream });
    const { socket, text, closed } = dial(port);
    socket.write(`${upgradeText()}early `);
    await until("the target agrees", () => text().includes("101"));
    socket.end("and late");
    await closed;
    expect(text()).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(text()).toMatch(/\r\nUpgrade: echo\/1\r\n/);
    expect(text().endsWith("\r\n\r\nyou said early and late")).toBe(true);
  });

  it("delivers all that was sent before the end, to a client that reads slowly", async () => {
    const bytes = 8 * 2 ** 20;
    const upstream = agreeing((socket) => void socket.end(Buffer.alloc(bytes, "x")));
    const { port } = await staged({ upstream });
    const { socket, text, closed } = dial(port);
    socket.pause();
    socket.write(upgradeText());
    await until("the target has said all", () => socket.readableLength > 0);
    socket.resume();
    await closed;
    expect(text().length - text().indexOf("\r\n\r\n") - 4).toBe(bytes);
  });

  it("may be asked for by other methods, without a body", async () => {
    const heads: string[] = [];
    const upstream = agreeing((socket, head) => {
      heads.push(head.toString());
      socket.end("hello");
    });
    const { port } = await staged({ upstream });
    const { socket, text, closed } = dial(port);
    socket.write(upgradeText(UPGRADE, "POST"));
    await until("it speaks", () => text().endsWith("hello"));
    socket.end();
    await closed;
    expect(heads).toEqual([""]);
  });
});

function dial(port: number): { readonly socket: Socket; text(): string; readonly closed: Promise<unknown> } {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const pieces: string[] = [];
  socket.on("data", (chunk: Buffer) => pieces.push(chunk.toString("latin1"))).on("error", () => {});
  socket.on("end", () => socket.end());
  return { socket, text: () => pieces.join(""), closed: once(socket, "close") };
}

describe("a target that does not agree", () => {
  it("has its answer passed on, and the connection ends: it is nobody's tunnel", async () => {
    const urls: (string | undefined)[] = [];
    const upstream = createServer((request, response) => {
      urls.push(request.url);
      response.writeHead(426, ["Upgrade", "websocket", "Set-Cookie", "a=1", "Set-Cookie", "b=2"]);
      response.write("no ");
      response.end("tunnel");
    });
    const { port } = await staged({ upstream });
    const { text } = await talk(port, `${upgradeText()}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 426 Upgrade Required\r\n/);
    expect(text.match(/set-cookie: ./gi)).toEqual(["Set-Cookie: a", "Set-Cookie: b"]);
    expect(text).toMatch(/\r\nConnection: close\r\n/);
    expect(text.replace(/\r\n[0-9a-f]+\r\n/g, "")).toContain("no tunnel");
    expect(urls).toEqual(["/up"]);
  });

  it("has an answer that breaks off cut off for the client", async () => {
    const upstream = behaving(
      (socket) =>
        void socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n"),
    );
    const { port } = await staged({ upstream });
    const { text } = await talk(port, upgradeText());
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).not.toMatch(/0\r\n\r\n$/);
  });
});

describe("an upgrade that fails", () => {
  it("is answered 503 where nobody is reached, and nothing was executed", async () => {
    const { port } = await staged({ upstream: () => {}, address: `http://127.0.0.1:${await freePort()}` });
    const { text } = await talk(port, upgradeText());
    expect(text).toMatch(/^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/s);
    expect(problemIn(text)).toMatchObject({ code: "revision-unreachable", executed: false });
  });

  it("is answered 503 when connecting takes too long", async () => {
    const silent = await listen(createTcpServer((socket) => socket.on("error", () => {}).resume()));
    const address = silent.url.replace("http", "https");
    const { port } = await staged({ upstream: () => {}, address, limits: { connectTimeoutMs: 20 } });
    expect(problemIn((await talk(port, upgradeText())).text)).toMatchObject({ code: "revision-unreachable" });
    await silent.close();
  });

  it.each([
    ["resets the connection", (socket: Socket) => void socket.resetAndDestroy()],
    ["ends the connection", (socket: Socket) => void socket.end()],
    ["speaks no HTTP", (socket: Socket) => void socket.write("SSH-2.0-OpenSSH\r\n")],
    ["says nothing", () => {}],
  ])("is answered 502 where the target %s", async (_what, then) => {
    const { port } = await staged({ upstream: behaving(then), limits: { headersTimeoutMs: 50 } });
    const { text } = await talk(port, upgradeText());
    expect(text).toMatch(/^HTTP\/1\.1 502 /);
    expect(problemIn(text)).toMatchObject({ code: "forward-failed", executed: "unknown" });
  });

  it.each([
    ["has a body", ["Connection: Upgrade", "Upgrade: echo/1", "Content-Length: 5"]],
    [
      "is to HTTP/2",
      ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"],
    ],
    ["is to HTTP/2 among others", ["Connection: Upgrade", "Upgrade: echo/1, H2C"]],
    ["is to TLS", ["Connection: Upgrade", "Upgrade: TLS/1.2"]],
  ])("goes nowhere where it %s", async (_what, lines) => {
    let asked = 0;
    const { port } = await staged({ upstream: agreeing(() => (asked += 1)) });
    const { text } = await talk(port, `${upgradeText(lines)}hello`);
    expect(problemIn(text)).toMatchObject({ code: "forward-failed", executed: false });
    expect(asked).toBe(0);
  });

  it.each(["destroy", "end"] as const)(
    "takes the target's connection with it when its client leaves: %s",
    async (way) => {
      const { port, upstreamConnections } = await staged({ upstream: behaving(() => {}) });
      const { socket } = dial(port);
      socket.write(upgradeText());
      await until("the target is asked", () => upstreamConnections() === 1);
      socket[way]();
      await until("the target's connection is gone", () => upstreamConnections() === 0);
    },
  );
});
