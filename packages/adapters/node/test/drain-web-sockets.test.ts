import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect } from "node:net";
import { closeFrame } from "@onceover/core/drain";
import { LOCALHOST } from "@onceover/test/localhost";
import { until } from "@onceover/test/wait";
import { afterEach, describe, expect, it } from "vitest";
import type { DrainOptions } from "../src/index.js";
import { tunnelUpgrade } from "../src/tunnel.js";
import { type Leaving, outcomesOf, PATIENT, SHORT, stage } from "./drain-stage.js";
import {
  AGREED,
  askForUpgrade,
  chatter,
  flood,
  MASKED_CLOSE,
  rawClient,
  type Seen,
  type ServerEnd,
  undiciClient,
  upgradeTo,
  wsClient,
} from "./drained-web-sockets.js";
import { WebSocket, WebSocketServer } from "./web-socket.js";

/** Service Restart. */
const RESTART = { code: 1012, isClean: true };

afterEach(() => {
  // A drain that cuts says so by the exit code, and some of these do.
  process.exitCode = undefined;
});

type Prepare = (end: ServerEnd) => void;

async function stageSockets(
  server: Server,
  prepare: Prepare,
  { options = {}, deflate = false }: { readonly options?: DrainOptions; readonly deflate?: boolean } = {},
): Promise<Leaving> {
  // Before ws listens: whoever is asked first decides, but the door stands before all listeners anyway.
  const sockets = new WebSocketServer({ server, perMessageDeflate: deflate ? { threshold: 0 } : false });
  sockets.on("connection", prepare);
  return stage(server, options);
}

const SERVERS = [
  { name: "http", make: () => createServer() },
  { name: "https", make: (): Server => createSecureServer(LOCALHOST) },
];
const LOADS = SERVERS.flatMap((server) => [
  { ...server, deflate: false, extension: "without" },
  { ...server, deflate: true, extension: "with" },
]);

describe.concurrent("WebSockets", () => {
  it.each(LOADS)(
    "$name, $extension permessage-deflate: each of 50 under load is closed with 1012 in order, and none before the farewell",
    async ({ make, deflate }) => {
      const clients: Seen[] = [];
      let closedBefore: number | undefined;
      const options = {
        plan: PATIENT,
        onFarewell: () => {
          closedBefore = clients.filter(({ closed }) => closed !== undefined).length;
        },
      };
      const { url, drain, close } = await stageSockets(make(), chatter, { options, deflate });
      for (let at = 0; at < 50; at++) clients.push(at % 2 === 0 ? wsClient(url) : undiciClient(url));
      await until("all are under load", () => clients.every(({ messages }) => messages > 20));
      const report = await drain.start();
      await until("all have heard of the end", () => clients.every(({ closed }) => closed !== undefined));
      expect(clients.map(({ closed }) => closed)).toEqual(clients.map(() => RESTART));
      expect(clients.every(({ isInOrder }) => isInOrder)).toBe(true);
      expect(closedBefore).toBe(0);
      expect(outcomesOf(report)).toEqual({ "handed-off": 50 });
      expect(report.verdict).toBe("clean");
      await close();
    },
  );

  it("nothing follows the close frame, and the report counts frames and bytes as the client does", async () => {
    const { port, drain, close } = await stageSockets(createServer(), chatter);
    const client = await rawClient(port);
    await until("the client has messages", () => client.bytes().length > 20_000);
    // The client answers no frame, but closes when the server is silent.
    const reporting = drain.start();
    await until("a close frame has come", () => client.frames.hasClosed);
    client.socket.write(MASKED_CLOSE);
    const { streams } = await reporting;
    await until("the connection is closed", () => client.socket.destroyed);
    expect(client.bytes().subarray(-4)).toEqual(Buffer.from(closeFrame(1012)));
    expect(client.isOverAtClose()).toBe(true);
    expect(streams).toMatchObject([
      {
        class: "websocket",
        kind: "endless",
        outcome: "handed-off",
        bytes: client.bytes().length - 4,
        events: client.frames.events,
      },
    ]);
    await close();
  });

  it("one that the application closes by itself meanwhile is finished, one whose client hangs up is gone", async () => {
    const ends: ServerEnd[] = [];
    const { url, drain, close } = await stageSockets(createServer(), (end) => ends.push(end), {
      options: { plan: { ...SHORT, quietMs: 1000 } },
    });
    const closing = wsClient(url);
    await until("it is open", () => ends.length === 1);
    const leaving = new WebSocket(url.replace("http", "ws"), []);
    let isOpen = false;
    leaving.on("open", () => {
      isOpen = true;
    });
    await until("the other one is open", () => ends.length === 2 && isOpen);
    const reporting = drain.start();
    ends[0]?.close(1000);
    leaving.terminate();
    const report = await reporting;
    await until("it has heard of the end", () => closing.closed !== undefined);
    expect(closing.closed).toEqual({ code: 1000, isClean: true });
    expect(outcomesOf(report)).toEqual({ finished: 1, "client-gone": 1 });
    await close();
  });

  it("a client that never answers the close frame is not waited for beyond the farewell, and was handed off", async () => {
    const plan = { ...SHORT, farewellMs: 600 };
    const { port, drain, close } = await stageSockets(createServer(), chatter, { options: { plan } });
    const { socket } = await rawClient(port);
    const report = await drain.start();
    expect(outcomesOf(report)).toEqual({ "handed-off": 1 });
    expect(report.phases.farewell).toMatchObject({ endedBy: "cap" });
    expect(report.verdict).toBe("clean");
    socket.destroy();
    await close();
  });

  it("a client that never reads is gone: the goodbye has not left, and nothing before it either", async () => {
    const plan = { ...SHORT, farewellMs: 600 };
    const { port, drain, close } = await stageSockets(createServer(), flood, { options: { plan } });
    const { socket } = await rawClient(port);
    socket.pause();
    const report = await drain.start();
    expect(outcomesOf(report)).toEqual({ "client-gone": 1 });
    expect(report.verdict).toBe("clean");
    socket.destroy();
    await close();
  });

  it("one that is within a frame at the deadline is cut, and not closed as if its message were whole", async () => {
    const plan = { ...SHORT, farewellMs: 300 };
    const server = createServer();
    // The first half of a frame of 100 bytes.
    server.on("upgrade", (_request, socket) => socket.write(`${AGREED}\x81\x64half a message`, "latin1"));
    const { port, drain, close } = await stage(server, { plan });
    const client = await rawClient(port);
    const report = await drain.start();
    await until("the connection is closed", () => client.socket.destroyed);
    expect(client.frames.hasClosed).toBe(false);
    expect(outcomesOf(report)).toEqual({ cut: 1 });
    expect(report.verdict).toBe("cut");
    await close();
  });

  it("a last frame that is given to end() comes before the goodbye", async () => {
    const server = createServer();
    let end: (() => void) | undefined;
    server.on("upgrade", (_request, socket) => {
      socket.write(`${AGREED}\x81\x05he`, "latin1");
      end = () => socket.end("llo");
    });
    const { port, drain, close } = await stage(server, { onFarewell: () => setTimeout(() => end?.(), 200) });
    const client = await rawClient(port);
    const report = await drain.start();
    expect(client.bytes()).toEqual(Buffer.concat([Buffer.from("\x81\x05hello", "latin1"), closeFrame(1012)]));
    expect(outcomesOf(report)).toEqual({ "handed-off": 1 });
    client.socket.destroy();
    await close();
  });

  it("one that is passed on to another server is closed with 1012, wherever its frames are split, and that server closes in order", async () => {
    const backend = createServer();
    const ends: { code?: number }[] = [];
    const sockets = new WebSocketServer({ server: backend, perMessageDeflate: { threshold: 0 } });
    sockets.on("connection", (end: ServerEnd) => {
      chatter(end);
      const seen: { code?: number } = {};
      ends.push(seen);
      end.on("close", (code: number) => {
        seen.code = code;
      });
    });
    const behind = await stage(backend);
    const front = createServer();
    front.on("upgrade", (request, socket, head) => {
      void tunnelUpgrade(request, socket, head, { revision: "r1", address: behind.url, headers: [] });
    });
    const { url, drain, close } = await stage(front, { plan: PATIENT });
    const clients = [1, 2, 3, 4].flatMap(() => [wsClient(url), undiciClient(url)]);
    await until("all are under load", () => clients.every(({ messages }) => messages > 20));
    const report = await drain.start();
    await until("all have heard of the end", () => clients.every(({ closed }) => closed !== undefined));
    await until("the other server has, too", () => ends.every(({ code }) => code !== undefined));
    expect(clients.map(({ closed }) => closed)).toEqual(clients.map(() => RESTART));
    expect(clients.every(({ isInOrder }) => isInOrder)).toBe(true);
    expect(ends.map(({ code }) => code)).toEqual(clients.map(() => 1012));
    expect(outcomesOf(report)).toEqual({ "handed-off": 8 });
    await close();
    await behind.close();
  });
});

describe.concurrent("upgrades", () => {
  it("one that comes during the drain is answered 503 draining, and the application does not hear of it", async () => {
    const server = createServer((_request, response) => response.write("begun"));
    let upgrades = 0;
    server.on("upgrade", () => upgrades++);
    const { port, url, drain, close } = await stage(server);
    const busy = await fetch(url);
    const reporting = drain.start();
    await until("nothing new is begun", () => drain.state === "drain");
    const answer = await askForUpgrade(port);
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toContain('"code":"draining"');
    expect(upgrades).toBe(0);
    await busy.body?.cancel();
    const { requests, streams } = await reporting;
    expect(requests).toMatchObject({ refused: 1, gone: 1 });
    expect(streams).toHaveLength(1);
    await close();
  });

  it("one that the application refused is no stream", async () => {
    const server = createServer();
    server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"));
    const { port, drain, close } = await stage(server, { plan: { ...SHORT, quietMs: 500 } });
    const reporting = drain.start();
    expect(await askForUpgrade(port)).toMatch(/^HTTP\/1\.1 401 /);
    expect((await reporting).streams).toEqual([]);
    await close();
  });

  it("another protocol is ended in order at the farewell: handed off where the client ends it, too, cut where it goes on", async () => {
    const server = createServer();
    server.on("upgrade", (_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
      // Goes on talking, as if nothing were: a write after the end must not bring the process down.
      const timer = setInterval(() => socket.write("tick"), 20);
      socket.on("data", () => {}).on("close", () => clearInterval(timer));
    });
    const { port, drain, close } = await stage(server, { plan: { ...SHORT, farewellMs: 500 } });
    const polite = connect(port, "127.0.0.1").on("data", () => {});
    const stubborn = connect({ port, host: "127.0.0.1", allowHalfOpen: true }).on("data", () => {});
    for (const client of [polite, stubborn]) client.write(upgradeTo("chat"));
    await until("both are tunnels", () => polite.bytesRead > 100 && stubborn.bytesRead > 100);
    const report = await drain.start();
    expect(outcomesOf(report)).toEqual({ "handed-off": 1, cut: 1 });
    expect(report.streams[0]).toMatchObject({ class: "other", events: null });
    stubborn.destroy();
    await close();
  });
});
