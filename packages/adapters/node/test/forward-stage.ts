/** A client, a server that forwards, and the instance it forwards to. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { HeaderLine } from "@onceover/core";
import { listen } from "@onceover/test/listen";
import { type NodeForwardOptions, nodeForward, type TunnelLimits, tunnelUpgrade } from "../src/forward.js";

/** How a stage is set up. */
export interface StageSetup {
  /** What stands behind: a listener of `node:http`, or a server of any kind. */
  readonly upstream: RequestListener | Server;
  /** Instead of the address of `upstream`. */
  readonly address?: string;
  readonly options?: NodeForwardOptions;
  readonly limits?: TunnelLimits;
  readonly headers?: readonly HeaderLine[];
  /** Makes the server in front. @default one of `node:http` */
  readonly front?: (listener: RequestListener) => Server;
  /** Is called for each request before it is forwarded. */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => unknown;
}

/** A stage that is set up. */
export interface Stage {
  readonly url: string;
  readonly port: number;
  readonly upstreamUrl: string;
  /** How many requests are being forwarded. */
  pending(): number;
  /** What went wrong where nothing may. */
  readonly faults: unknown[];
  /** Connections to what stands behind that are open. */
  upstreamConnections(): number;
  close(): Promise<void>;
}

/** Sets a stage up on free ports. */
export async function setUp({ upstream, before, front = createServer, ...setup }: StageSetup): Promise<Stage> {
  const behind = typeof upstream === "function" ? createServer(upstream) : upstream;
  const connections = openConnections(behind);
  const back = await listen(behind);
  const target = { revision: "r2", address: setup.address ?? back.url, headers: setup.headers ?? [] };
  const forwarder = nodeForward(setup.options);
  const faults: unknown[] = [];
  let pending = 0;
  const follow = (work: Promise<void>) => {
    pending += 1;
    work.then(() => (pending -= 1)).catch((error) => faults.push(error));
  };
  const server = front((request, response) => {
    follow(Promise.resolve(before?.(request, response)).then(() => forwarder.node(request, response, target)));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    follow(tunnelUpgrade(request, socket, head, target, setup.limits)),
  );
  const listening = await listen(server);
  return {
    url: listening.url,
    port: Number(new URL(listening.url).port),
    upstreamUrl: back.url,
    pending: () => pending,
    faults,
    upstreamConnections: () => connections.size,
    async close() {
      await listening.close();
      await back.close();
    },
  };
}

function openConnections(server: Server): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return sockets;
}

/** A server that, at the first bytes of a connection, does what it is told. */
export function behaving(then: (socket: Socket) => void): Server {
  return createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => then(socket));
  });
}

/** One that answers with these bytes, each character one of them, and by itself ends nothing. */
export function answering(bytes: string, then?: (socket: Socket) => void): Server {
  return behaving((socket) => {
    socket.write(Buffer.from(bytes, "latin1"));
    then?.(socket);
  });
}

/** How a connection came to its end. */
export interface RawAnswer {
  readonly text: string;
  /** `reset`: by a reset; `end`: in order. */
  readonly ended: "end" | "reset";
}

/** Writes bytes and reads until the other side ends the connection. */
export function talk(port: number, ...pieces: readonly (string | Buffer)[]): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    let ended: RawAnswer["ended"] = "end";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => {
      ended = "reset";
    });
    socket.on("close", () => resolve({ text, ended }));
    for (const piece of pieces) socket.write(typeof piece === "string" ? Buffer.from(piece, "latin1") : piece);
  });
}

/** A request of HTTP/1.1 as bytes, on a connection that ends with its answer. */
export function requestText(head: string, lines: readonly string[] = [], body = ""): string {
  return `${head} HTTP/1.1\r\n${["Host: shop.example", "Connection: close", ...lines].join("\r\n")}\r\n\r\n${body}`;
}

/** The problem in an answer. */
export function problemIn(text: string): Record<string, unknown> {
  return JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4).replace(/^[^{]*|[^}]*$/g, ""));
}

/** A client, as its answer comes. */
export interface Client {
  readonly socket: Socket;
  text(): string;
  readonly closed: Promise<"end" | "reset">;
}

/** Sends a request, and looks at what comes as it comes. */
export function followed(port: number, text = requestText("GET /")): Client {
  const socket = connect(port, "127.0.0.1");
  let got = "";
  let ended: "end" | "reset" = "end";
  socket.on("data", (chunk: Buffer) => {
    got += chunk.toString("latin1");
  });
  socket.on("error", () => {
    ended = "reset";
  });
  socket.write(text);
  return {
    socket,
    text: () => got,
    closed: new Promise((resolve) => socket.on("close", () => resolve(ended))),
  };
}
