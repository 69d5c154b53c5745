import { connect } from "node:net";
import { connect as connectSecure } from "node:tls";

/** Types of frames (RFC 9113, section 6). */
export const FRAME = { headers: 1, settings: 4, ping: 6, goaway: 7 } as const;
const ACK = 1;
const END_STREAM = 1;

/** A client that sends what it likes, frame by frame (RFC 9113, section 4.1). */
export function rawClient(url: string, { answersPings }: { readonly answersPings: boolean }) {
  const { port, protocol } = new URL(url);
  const to = { port: Number(port), host: "127.0.0.1" };
  const tls = { ...to, ALPNProtocols: ["h2"], rejectUnauthorized: false };
  const socket = protocol === "https:" ? connectSecure(tls) : connect(to);
  const ended: number[] = [];
  const goaways: number[] = [];
  const types: number[] = [];
  let received = Buffer.alloc(0);
  function take(type: number, flags: number, id: number, payload: Buffer): void {
    types.push(type);
    if (type <= FRAME.headers && (flags & END_STREAM) !== 0) ended.push(id);
    if (type === FRAME.goaway) goaways.push(payload.readUInt32BE(0));
    if (type === FRAME.settings && flags !== ACK) socket.write(frameOf(FRAME.settings, ACK, 0));
    if (type === FRAME.ping && answersPings) socket.write(frameOf(FRAME.ping, ACK, 0, payload));
  }
  socket
    .on("error", () => {})
    .on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let end = frameEnd(received); end <= received.length; end = frameEnd(received)) {
        take(received.readUInt8(3), received.readUInt8(4), received.readUInt32BE(5), received.subarray(9, end));
        received = received.subarray(end);
      }
    });
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frameOf(FRAME.settings, 0, 0)]));
  return {
    goaways,
    /** The streams whose answers are whole. */
    ended: () => [...ended].sort((a, b) => a - b),
    has: (type: number) => types.includes(type),
    isClosed: () => socket.destroyed,
    /** END_STREAM and END_HEADERS; `:method: GET`, `:scheme: http` of the static table, and two literals (RFC 7541). */
    request(id: number, path = "/") {
      const fields = [Buffer.from([0x82, 0x86]), literal(0x04, path), literal(0x01, "a")];
      socket.write(frameOf(FRAME.headers, 0x5, id, Buffer.concat(fields)));
    },
  };
}

function literal(nameIndex: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([nameIndex, value.length]), Buffer.from(value)]);
}

function frameEnd(bytes: Buffer): number {
  return bytes.length < 9 ? Number.POSITIVE_INFINITY : 9 + bytes.readUIntBE(0, 3);
}

function frameOf(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
