/** Both ends of WebSockets, for the tests of the drain. */
import { connect, type Socket } from "node:net";
import { createFrameTracker } from "@onceover/core/drain";
import { until } from "@onceover/test/wait";
import { Agent, WebSocket as UndiciWebSocket } from "undici";
import { WebSocket, type WebSocketEnd } from "./web-socket.js";

const OPEN = 1;

export interface ServerEnd extends WebSocketEnd {
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(data: string | Buffer, options?: { readonly binary?: boolean; readonly fin?: boolean }): void;
}

/** Sends numbered messages every few ms: small and large ones, texts and bytes, whole and in fragments, each from a tick of its own. */
export function chatter(end: ServerEnd): void {
  let number = 0;
  let fragment = 0;
  const timer = setInterval(() => {
    if (end.readyState !== OPEN || end.bufferedAmount > 1_000_000) return;
    if (fragment > 0) {
      fragment = (fragment + 1) % 4;
      return end.send("~".repeat(fragment * 1000), { fin: fragment === 0 });
    }
    const message = `${number} ${"x".repeat(number % 50 === 7 ? 90_000 : number % 20)}`;
    number += 1;
    if (number % 5 === 0) fragment = 1;
    const data = number % 2 === 0 ? message : Buffer.from(message);
    end.send(data, { binary: number % 2 !== 0, fin: fragment === 0 });
  }, 10);
  end.on("message", (data: Buffer) => {
    if (!String(data).startsWith("up ")) throw new Error("a message of the client's was broken");
  });
  end.on("close", () => clearInterval(timer));
}

/** More than any system keeps for a client that does not read. */
export function flood(end: ServerEnd): void {
  for (let at = 0; at < 32; at++) end.send(Buffer.alloc(1_000_000));
}

export interface Seen {
  messages: number;
  /** Whether each message had the number that was next. */
  isInOrder: boolean;
  closed: { readonly code: number; readonly isClean: boolean } | undefined;
}

function newSeen(): Seen {
  return { messages: 0, isInOrder: true, closed: undefined };
}

function take(seen: Seen, text: string): void {
  seen.isInOrder &&= text.startsWith(`${seen.messages} `);
  seen.messages += 1;
}

export function wsClient(url: string): Seen {
  const seen = newSeen();
  const client = new WebSocket(url.replace("http", "ws"), [], { rejectUnauthorized: false });
  const timer = setInterval(() => {
    if (seen.messages > 0) client.send("up from ws");
  }, 5);
  let hasFailed = false;
  client.on("error", () => {
    hasFailed = true;
  });
  client.on("message", (data: Buffer) => take(seen, data.toString("latin1")));
  client.on("close", (code: number) => {
    clearInterval(timer);
    seen.closed = { code, isClean: !hasFailed && code !== 1006 };
  });
  return seen;
}

export function undiciClient(url: string): Seen {
  const seen = newSeen();
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  const client = new UndiciWebSocket(url.replace("http", "ws"), { dispatcher });
  client.binaryType = "arraybuffer";
  const timer = setInterval(() => {
    if (client.readyState === OPEN) client.send("up from undici");
  }, 5);
  client.addEventListener("message", ({ data }) =>
    take(seen, typeof data === "string" ? data : Buffer.from(data).toString()),
  );
  client.addEventListener("close", ({ code, wasClean }) => {
    clearInterval(timer);
    seen.closed = { code, isClean: wasClean };
    void dispatcher.close();
  });
  return seen;
}

export const AGREED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
/** Code 1012, masked with zeros. */
export const MASKED_CLOSE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf4]);

export function upgradeTo(protocol: string): string {
  const lines = ["GET /chat HTTP/1.1", "Host: a", "Connection: Upgrade", `Upgrade: ${protocol}`];
  return `${[...lines, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="].join("\r\n")}\r\n\r\n`;
}

export async function askForUpgrade(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(upgradeTo("websocket"));
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return answer;
}

export interface RawClient {
  readonly socket: Socket;
  readonly frames: ReturnType<typeof createFrameTracker>;
  /** What came behind the head. */
  bytes(): Buffer;
  /** Whether the close frame was the last one. */
  isOverAtClose(): boolean;
}

/** A WebSocket, byte by byte. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect(port, "127.0.0.1");
  const frames = createFrameTracker();
  let received = Buffer.alloc(0);
  let closedAt: number | undefined;
  let seen = 0;
  const headEnd = () => received.indexOf("\r\n\r\n") + 4;
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (headEnd() < 4) return;
    if (seen === 0) seen = headEnd();
    for (; seen < received.length; seen++) {
      frames.write(received.subarray(seen, seen + 1));
      if (frames.hasClosed) closedAt ??= seen + 1;
    }
  });
  socket.on("error", () => {});
  socket.write(upgradeTo("websocket"));
  await until("the upgrade was agreed to", () => headEnd() >= 4);
  return {
    socket,
    frames,
    bytes: () => received.subarray(headEnd()),
    isOverAtClose: () => closedAt === received.length,
  };
}
