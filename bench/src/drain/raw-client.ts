/**
 * A client of HTTP/1.1 on one connection that does what no HTTP library lets one do: it writes any bytes at any time, and tells
 * exactly which answers came back whole, in their order.
 */

import { connect, type Socket } from "node:net";

/** An answer that came whole. */
export interface RawAnswer {
  readonly status: number;
  /** Whether it said `Connection: close`. */
  readonly closes: boolean;
  readonly body: string;
}

/** One connection. */
export interface RawClient {
  write(text: string): void;
  /** The next answer that comes whole; nothing once the connection is over before. */
  answer(): Promise<RawAnswer | undefined>;
  /** Everything that came and belongs to no whole answer yet. */
  pending(): string;
  /** Whether the server, or we, ended the connection. */
  isOver(): boolean;
  close(): void;
}

/** The bytes of a request without a body. */
export function requestText(method: "GET" | "POST", target: string, ...lines: readonly string[]): string {
  const length = method === "POST" ? ["Content-Length: 0"] : [];
  return `${[`${method} ${target} HTTP/1.1`, "Host: bench", ...length, ...lines].join("\r\n")}\r\n\r\n`;
}

/** Connects; settles with nothing where that is refused. `heard` is called whenever something comes. */
export function openRaw(port: number, heard: () => void): Promise<RawClient | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", () => resolve(undefined));
    socket.once("connect", () => resolve(talk(socket, heard)));
  });
}

function talk(socket: Socket, heard: () => void): RawClient {
  let received: Buffer = Buffer.alloc(0);
  let isOver = false;
  const answers: RawAnswer[] = [];
  const waiting: ((answer: RawAnswer | undefined) => void)[] = [];

  function take(chunk: Buffer): void {
    heard();
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (let taken = takeAnswer(received); taken !== undefined; taken = takeAnswer(received)) {
      received = taken.rest;
      const next = waiting.shift();
      if (next === undefined) answers.push(taken.answer);
      else next(taken.answer);
    }
  }

  function end(): void {
    isOver = true;
    for (const next of waiting.splice(0)) next(undefined);
  }

  // A reset is told by "close", too.
  socket.on("data", take).on("end", end).on("close", end).on("error", end);
  return {
    write: (text) => void socket.write(text),
    answer() {
      const answer = answers.shift();
      if (answer !== undefined || isOver) return Promise.resolve(answer);
      return new Promise((resolve) => waiting.push(resolve));
    },
    pending: () => received.toString(),
    isOver: () => isOver,
    close() {
      isOver = true;
      socket.destroy();
    },
  };
}

interface Taken {
  readonly answer: RawAnswer;
  readonly rest: Buffer;
}

/** The first answer of what was received, if it is whole. */
function takeAnswer(received: Buffer): Taken | undefined {
  const headBytes = received.indexOf("\r\n\r\n") + 4;
  if (headBytes < 4) return undefined;
  const head = received.toString("latin1", 0, headBytes);
  const rest = received.subarray(headBytes);
  const body = /\r\ntransfer-encoding: *chunked/i.test(head) ? takeChunks(rest) : takeBytes(rest, lengthOf(head));
  if (body === undefined) return undefined;
  const closes = /\r\nconnection: *close/i.test(head);
  return { answer: { status: Number(head.slice(9, 12)), closes, body: body.text }, rest: body.rest };
}

interface TakenBody {
  readonly text: string;
  readonly rest: Buffer;
}

function lengthOf(head: string): number {
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
}

function takeBytes(bytes: Buffer, length: number): TakenBody | undefined {
  if (bytes.length < length) return undefined;
  return { text: bytes.toString("utf8", 0, length), rest: bytes.subarray(length) };
}

function takeChunks(bytes: Buffer): TakenBody | undefined {
  let [text, rest] = ["", bytes];
  for (;;) {
    const sizeEnd = rest.indexOf("\r\n");
    if (sizeEnd < 0) return undefined;
    const size = Number.parseInt(rest.toString("latin1", 0, sizeEnd), 16);
    const end = sizeEnd + 2 + size;
    if (rest.length < end + 2) return undefined;
    text += rest.toString("utf8", sizeEnd + 2, end);
    rest = rest.subarray(end + 2);
    if (size === 0) return { text, rest };
  }
}
