import { createHook } from "node:async_hooks";
import { Agent, createServer, request } from "node:http";
import { connect, type Server, type Socket } from "node:net";
import { freePort } from "@onceover/test/free-port";
import { until } from "@onceover/test/wait";
import { describe, expect, it } from "vitest";
import { behaving, requestText, type Stage, type StageSetup, setUp, talk } from "./forward-stage.js";
import { WebSocket, type WebSocketEnd, WebSocketServer } from "./web-socket.js";

/** How often each kind of exchange is gone through; what is left of each one adds up. */
const TIMES = 200;
/** How many go on at once. */
const TOGETHER = 25;
/** What a process has a few more or less of from one moment to the next, whoever looks. */
const NOISE = TIMES / 10;

interface Kind extends Omit<StageSetup, "upstream"> {
  readonly exchange: string;
  readonly upstream: () => StageSetup["upstream"];
  go(stage: Stage): Promise<unknown>;
}

/** Sends bytes, and hangs up at once when something has come, or when `when` holds. */
function hangUp({ port }: Stage, text: string, when?: () => boolean): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {}).on("close", resolve);
    socket.write(text);
    if (when === undefined) socket.once("data", () => socket.destroy());
    else void until("it is time to leave", when).then(() => socket.destroy());
  });
}

const HALF = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
const UPGRADE = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n";

function webSockets(): Server {
  const server = createServer();
  new WebSocketServer({ server }).on("connection", (end: WebSocketEnd) => {
    end
      .on("error", () => {})
      .on("message", (data: Buffer) => {
        if (String(data) === "die") end.terminate();
        else end.send(data);
      });
  });
  return server;
}

function chat({ url }: Stage, said: string, leave: (client: WebSocketEnd) => void): Promise<unknown> {
  return new Promise((resolve) => {
    const client = new WebSocket(url.replace("http", "ws"), []);
    client.on("open", () => client.send(said)).on("message", () => leave(client));
    client.on("error", () => {}).on("close", resolve);
  });
}

const KINDS: readonly Kind[] = [
  {
    exchange: "requests and their answers",
    upstream: () => async (incoming, response) => {
      await incoming.toArray();
      response.end("answer");
    },
    go: (stage) => talk(stage.port, requestText("POST /", ["Content-Length: 2"], "ab")),
  },
  {
    exchange: "clients that leave while they wait",
    upstream: () => () => {},
    go: (stage) => hangUp(stage, requestText("GET /"), () => stage.upstreamConnections() > 0),
  },
  {
    exchange: "clients that leave in the middle of the answer",
    upstream: () => (_, response) => void response.write("half"),
    go: (stage) => hangUp(stage, requestText("GET /")),
  },
  {
    exchange: "clients that leave in the middle of their body",
    upstream: () => (incoming) => void incoming.on("error", () => {}).resume(),
    go: (stage) =>
      hangUp(stage, requestText("POST /", ["Content-Length: 9"], "abc"), () => stage.upstreamConnections() > 0),
  },
  {
    exchange: "targets that reset before they answer",
    upstream: () => behaving((socket) => void socket.resetAndDestroy()),
    go: (stage) => talk(stage.port, requestText("POST /", ["Content-Length: 2"], "ab")),
  },
  {
    exchange: "targets that break off their answer",
    upstream: () => behaving((socket) => void socket.end(HALF)),
    go: (stage) => talk(stage.port, requestText("GET /")),
  },
  {
    exchange: "targets that answer a body they do not want",
    upstream: () => (_, response) => void response.writeHead(413).end(),
    go: (stage) => talk(stage.port, requestText("POST /", ["Content-Length: 300000"], "x".repeat(300_000))),
  },
  {
    exchange: "targets that are slow with their head",
    upstream: () => () => {},
    options: { headersTimeoutMs: 10 },
    go: (stage) => talk(stage.port, requestText("GET /")),
  },
  {
    exchange: "targets that are not there",
    upstream: () => () => {},
    address: `http://127.0.0.1:${await freePort()}`,
    go: (stage) => talk(stage.port, requestText("POST /", ["Content-Length: 2"], "ab")),
  },
  {
    exchange: "tunnels that are closed",
    upstream: webSockets,
    go: (stage) => chat(stage, "hello", (client) => client.close()),
  },
  {
    exchange: "tunnels whose client is killed",
    upstream: webSockets,
    go: (stage) => chat(stage, "hello", (client) => client.terminate()),
  },
  { exchange: "tunnels whose target is killed", upstream: webSockets, go: (stage) => chat(stage, "die", () => {}) },
  {
    exchange: "upgrades that are refused",
    upstream: () => (_, response) => void response.writeHead(403).end("no"),
    go: (stage) => talk(stage.port, UPGRADE),
  },
  {
    exchange: "upgrades whose client leaves",
    upstream: () => behaving(() => {}),
    go: (stage) => hangUp(stage, UPGRADE, () => stage.upstreamConnections() > 0),
  },
  {
    exchange: "upgrades whose target is not there",
    upstream: () => () => {},
    address: `http://127.0.0.1:${await freePort()}`,
    go: (stage) => talk(stage.port, UPGRADE),
  },
];

/** Counts what asynchronous things of these kinds there are that were not there before, unreferenced timers included. */
function countNew(): { readonly count: () => number; stop(): void } {
  const there = new Map<number, string>();
  const hook = createHook({
    init: (id, type) => void (/^(?:Timeout|TCP|HTTP|Pipe)/.test(type) && there.set(id, type)),
    destroy: (id) => void there.delete(id),
  });
  hook.enable();
  return { count: () => there.size, stop: () => void hook.disable() };
}

/** What Node says of emitters with too many listeners, and of rejections that nobody hears. */
function hearComplaints(): { readonly heard: unknown[]; stop(): void } {
  const heard: unknown[] = [];
  const hear = (told: unknown) => void heard.push(told);
  process.on("warning", hear).on("unhandledRejection", hear);
  return { heard, stop: () => void process.off("warning", hear).off("unhandledRejection", hear) };
}

describe("nothing leaks", () => {
  it.each(KINDS)(`no socket, timer or listener is left of ${TIMES} $exchange`, async ({ upstream, go, ...setup }) => {
    const [fresh, complaints] = [countNew(), hearComplaints()];
    const stage = await setUp({ ...setup, upstream: upstream() });
    for (let at = 0; at < TIMES; at += TOGETHER) {
      await Promise.all(Array.from({ length: TOGETHER }, () => go(stage)));
    }
    await until("all are over", () => stage.pending() === 0);
    await stage.close();
    await until("what is left is noise", () => fresh.count() < NOISE, 10_000);
    fresh.stop();
    complaints.stop();
    expect([stage.faults, complaints.heard]).toEqual([[], []]);
  });

  it("a connection, to the client or to the target, has no more listeners after many exchanges than after a few", async () => {
    const counts = { front: [] as number[], behind: [] as number[] };
    const stage = await setUp({
      upstream(incoming, response) {
        counts.behind.push(listenersOf(incoming.socket));
        incoming.resume().on("end", () => response.end("answer"));
      },
      before: ({ socket }) => counts.front.push(listenersOf(socket)),
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let at = 0; at < TIMES; at += 1) await post(stage.url, agent);
    agent.destroy();
    await stage.close();
    for (const [few, ...more] of [counts.front.slice(2), counts.behind.slice(2)])
      expect(new Set(more)).toEqual(new Set([few]));
  });
});

function listenersOf(socket: Socket): number {
  return socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0);
}

function post(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method: "POST" }, (answer) => answer.resume().on("end", resolve));
    outgoing.on("error", reject).end("body");
  });
}
