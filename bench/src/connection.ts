/**
 * The load generator's end of a keep-alive connection: one request at a time, written as ready-made bytes, and of the
 * response no more is read than its status and length. A full HTTP client would cost as much as the servers measured.
 */

import { connect, type Socket } from "node:net";

/** One keep-alive connection. */
export interface Connection {
  /** Sends a whole request and settles with the status once the whole response is there. */
  send(request: Buffer): Promise<number>;
  close(): void;
}

/** Opens a connection that the server has accepted and answered on. */
export async function openConnection(port: number): Promise<Connection> {
  const connection = talk(connect({ port, host: "127.0.0.1", noDelay: true }));
  await connection.send(Buffer.from("GET /ready HTTP/1.1\r\nHost: bench\r\n\r\n"));
  return connection;
}

/** The bytes of one keyed POST. */
export function requestBytes(path: string, key: string, body: string): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    "Host: bench",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Idempotency-Key: "${key}"`,
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

interface Waiting {
  resolve(status: number): void;
  reject(error: Error): void;
}

function talk(socket: Socket): Connection {
  let waiting: Waiting | undefined;
  let received: Buffer = Buffer.alloc(0);

  function settle(status: number): void {
    received = Buffer.alloc(0);
    const settled = waiting;
    waiting = undefined;
    settled?.resolve(status);
  }

  function fail(error: Error): void {
    waiting?.reject(error);
    waiting = undefined;
  }

  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const status = wholeStatus(received);
    if (status !== undefined) settle(status);
  });
  socket.on("error", fail).on("close", () => fail(new Error("the server closed a connection that was in use")));
  return {
    send(request) {
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      });
    },
    close: () => void socket.destroy(),
  };
}

/** The status of a response that is whole; every answer of the bench says its length. */
function wholeStatus(received: Buffer): number | undefined {
  const headBytes = received.indexOf("\r\n\r\n") + 4;
  if (headBytes < 4) return undefined;
  const head = received.toString("latin1", 0, headBytes);
  const bodyBytes = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  return received.length < headBytes + bodyBytes ? undefined : Number(head.slice(9, 12));
}
