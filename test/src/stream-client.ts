/** A client of streams, which looks at when bytes come and how a stream ends. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

/** An answer whose head is there, and whose body is coming. */
export interface Streamed {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** How many bytes of the body have come, and when the first one did, in epoch milliseconds. */
  readonly gotBytes: number;
  readonly firstByteMs: number;
  /** What has come, as text; of a body of more than a megabyte, only that much. */
  text(): string;
  /** Reads no more for now. */
  pause(): void;
  resume(): void;
  hangUp(): void;
  /** Settles when the first byte has come. */
  readonly begun: Promise<void>;
  /** Settles when the body is over, one way or the other. */
  readonly ended: Promise<"whole" | "cut">;
}

const MOST_TEXT_BYTES = 1_048_576;

/** Sends a POST on a connection of its own; resolves when the head of the answer is there. */
export function openStream(url: string, headers: Readonly<Record<string, string>>): Promise<Streamed> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: "POST", agent: false, headers: { ...headers, "Content-Length": "0" } });
    outgoing.on("error", reject);
    outgoing.on("response", (response) => resolve(follow(response)));
    outgoing.end();
  });
}

function follow(response: IncomingMessage): Streamed {
  const pieces: Buffer[] = [];
  let gotBytes = 0;
  let firstByteMs = Number.NaN;
  response.on("data", (piece: Buffer) => {
    if (gotBytes === 0) firstByteMs = epochMs();
    gotBytes += piece.length;
    if (gotBytes <= MOST_TEXT_BYTES) pieces.push(piece);
  });
  // It is told by `ended`.
  response.on("error", () => {});
  const begun = new Promise<void>((resolve) => {
    response.once("data", () => resolve());
    response.once("close", () => resolve());
  });
  const ended = new Promise<"whole" | "cut">((resolve) => {
    response.once("close", () => resolve(response.complete ? "whole" : "cut"));
  });
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    get gotBytes() {
      return gotBytes;
    },
    get firstByteMs() {
      return firstByteMs;
    },
    text: () => Buffer.concat(pieces).toString("latin1"),
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    hangUp: () => void response.destroy(),
    begun,
    ended,
  };
}

/** The time, the same in all processes of a machine, and finer than milliseconds. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
