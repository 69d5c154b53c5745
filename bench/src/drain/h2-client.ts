/**
 * A client of HTTP/2 on one connection, frame by frame: Node's own opens no stream after a GOAWAY, and does not tell how many
 * of them came. Here the way back takes {@link WAY_MS}, so that requests cross with a GOAWAY as they do in a network.
 *
 * Source: RFC 9113; RFC 7541 for the lines of a request, all of them literals or of the static table.
 */

import { connect, type Socket } from "node:net";

/** What became of one request. */
export interface H2Stream {
  /** The id that the server writes down. */
  readonly id: string;
  readonly streamId: number;
  readonly sentMs: number;
  /** Of its answer, `200` or another; nothing until then. */
  status: "200" | "other" | undefined;
  isWhole: boolean;
  /** The code of a RST_STREAM. */
  resetCode: number | undefined;
}

/** One GOAWAY. */
export interface Goaway {
  readonly lastStreamId: number;
  readonly atMs: number;
}

/** One connection. */
export interface H2Client {
  request(method: "GET" | "POST", path: string, id: string): void;
  readonly streams: readonly H2Stream[];
  readonly goaways: readonly Goaway[];
  isOver(): boolean;
  close(): void;
}

/** The code of a request of which nothing was done. Source: RFC 9113, section 7. */
export const REFUSED_STREAM = 0x7;
/** The last stream id of a GOAWAY that refuses nothing yet. Source: RFC 9113, section 6.8. */
export const MOST_STREAM_ID = 2 ** 31 - 1;

/** How long after a frame came the client knows of it. In milliseconds. */
export const WAY_MS = 50;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES = 9;
const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7 } as const;
const FLAG = { ack: 0x1, endStream: 0x1, endHeaders: 0x4 } as const;
/** `:status: 200` of the static table. */
const STATUS_200 = 0x88;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** Connects and sends the preface. */
export function openH2(port: number, heard: () => void): Promise<H2Client> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => resolve(talk(socket, heard)));
  });
}

function talk(socket: Socket, heard: () => void): H2Client {
  const streams: H2Stream[] = [];
  const goaways: Goaway[] = [];
  let received: Buffer = Buffer.alloc(0);
  let isOver = false;

  function take({ type, flags, streamId, payload }: Frame): void {
    const stream = streams[(streamId - 1) / 2];
    if (type === TYPE.settings && (flags & FLAG.ack) === 0) send(TYPE.settings, FLAG.ack, 0, Buffer.alloc(0));
    if (type === TYPE.ping && (flags & FLAG.ack) === 0) send(TYPE.ping, FLAG.ack, 0, payload);
    if (type === TYPE.goaway) goaways.push({ lastStreamId: payload.readUInt32BE(0), atMs: performance.now() });
    if (stream === undefined) return;
    if (type === TYPE.reset) stream.resetCode = payload.readUInt32BE(0);
    if (type === TYPE.headers) stream.status ??= isStatus200(payload) ? "200" : "other";
    if ((type === TYPE.headers || type === TYPE.data) && (flags & FLAG.endStream) !== 0) stream.isWhole = true;
  }

  function send(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (!isOver) socket.write(frameOf({ type, flags, streamId, payload }));
  }

  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (let frame = firstFrame(received); frame !== undefined; frame = firstFrame(received)) {
      received = received.subarray(FRAME_HEAD_BYTES + frame.payload.length);
      if (frame.streamId > 0) heard();
      setTimeout(take, WAY_MS, frame);
    }
  });
  const end = () =>
    setTimeout(() => {
      isOver = true;
    }, WAY_MS);
  socket.on("end", end).on("close", end).on("error", end);
  socket.write(PREFACE);
  send(TYPE.settings, 0, 0, Buffer.alloc(0));
  return {
    request(method, path, id) {
      const streamId = streams.length * 2 + 1;
      const sentMs = performance.now();
      streams.push({ id, streamId, sentMs, status: undefined, isWhole: false, resetCode: undefined });
      send(TYPE.headers, FLAG.endStream | FLAG.endHeaders, streamId, headerBlock(method, path));
    },
    streams,
    goaways,
    isOver: () => isOver,
    close: () => void socket.destroy(),
  };
}

function frameOf({ type, flags, streamId, payload }: Frame): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

function firstFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < FRAME_HEAD_BYTES) return undefined;
  const length = bytes.readUIntBE(0, 3);
  if (bytes.length < FRAME_HEAD_BYTES + length) return undefined;
  const payload = bytes.subarray(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + length);
  return { type: bytes.readUInt8(3), flags: bytes.readUInt8(4), streamId: bytes.readUInt32BE(5) & 0x7fffffff, payload };
}

/** `:method`, `:scheme: http`, `:path` and `:authority`. */
function headerBlock(method: "GET" | "POST", path: string): Buffer {
  const fixed = Buffer.from([method === "GET" ? 0x82 : 0x83, 0x86]);
  return Buffer.concat([fixed, literal(0x04, path), literal(0x01, "bench")]);
}

function literal(nameIndex: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([nameIndex, value.length]), Buffer.from(value)]);
}

/** A change of the table's size may stand before it. */
function isStatus200(block: Buffer): boolean {
  const first = block.findIndex((byte) => (byte & 0xe0) !== 0x20);
  return block[first] === STATUS_200;
}
