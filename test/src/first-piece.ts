/** Bodies of which only the beginning is read. */
import { once } from "node:events";
import type { Readable } from "node:stream";

/** Reads the first piece of a stream of Node's and leaves the rest where it is. */
export async function firstPiece(stream: Readable): Promise<string> {
  const [piece] = await once(stream, "data");
  stream.pause();
  return Buffer.from(piece).toString("latin1");
}

/** Reads the first piece of a web stream and leaves the rest where it is. */
export async function firstPieceOf(stream: ReadableStream<Uint8Array> | null): Promise<string> {
  const reader = stream?.getReader();
  const piece = await reader?.read();
  reader?.releaseLock();
  return Buffer.from(piece?.value ?? []).toString("latin1");
}
