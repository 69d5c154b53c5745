/**
 * What a `Response` really sends. Nobody can ask one whether its body is there already, so whatever comes in one turn
 * of the event loop is read ahead. A body that ended by then leaves when its record is stored; of any other each chunk
 * leaves as soon as it comes, and its end waits for the record.
 */

import type { HeaderLine, Run } from "@onceover/core";
import { joined, toResponse } from "./answer.js";
import { type Piece, readPiece } from "./piece.js";
import { relay } from "./relay.js";

/** What the answer of a run is sent into. */
export interface Outgoing {
  /** Header lines that middleware in front had set before the handler ran. @default [] */
  readonly already?: readonly HeaderLine[];
  /** Gives what is aborted when the client hangs up: not every server cancels the body then. */
  clientGone(): AbortSignal | undefined;
  /** The body of a response that is known before it is read, because who made the response was watched. */
  readonly textOf?: (response: Response) => string | undefined;
}

/** How much is read ahead before an answer counts as a stream, in bytes. */
const MOST_AHEAD_BYTES = 65_536;

/**
 * Feeds a handler's answer to its run, and gives the answer to send in its place.
 * @throws {TypeError} where there is no response, its body was read, or its status is none a client can be sent.
 */
export async function capture(
  run: Run,
  response: Response,
  { already = [], clientGone, textOf }: Outgoing,
): Promise<Response> {
  const text = textOf?.(response);
  const reader = text === undefined ? readerOf(response) : undefined;
  const chunks: Uint8Array[] = text === undefined ? [] : [utf8.encode(text)];
  run.head(response.status, [...response.headers], already);
  // A response whose body is known, or that has none, leaves as it is.
  if (reader === undefined) return ended(run, chunks, already, () => response);
  const pieces = await readAhead(reader);
  for (const piece of pieces) {
    if ("chunk" in piece) chunks.push(piece.kept);
    else if ("end" in piece && piece.end === "whole")
      return ended(run, chunks, already, () => new Response(joined(chunks), response));
  }
  return new Response(
    relay({ run, reader, pieces, clientGone: clientGone(), declared: declaredBytes(response) }),
    response,
  );
}

const utf8 = new TextEncoder();

function readerOf(response: Response): ReadableStreamDefaultReader<Uint8Array> | undefined {
  const { status, body } = response;
  if (status < 200 || status > 599) throw new TypeError(`a handler must answer a status of 200 to 599, got ${status}`);
  return body?.getReader();
}

function declaredBytes({ headers }: Response): number {
  return Number(headers.get("content-length") ?? Number.POSITIVE_INFINITY);
}

/** All pieces that come before the event loop has turned; a read that takes longer is the last of them. */
async function readAhead(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<readonly (Piece | Promise<Piece>)[]> {
  const pieces: (Piece | Promise<Piece>)[] = [];
  const turn = nextTurn();
  for (let sizeBytes = 0; pieces.length < 2 || sizeBytes < MOST_AHEAD_BYTES; ) {
    const reading = readPiece(reader);
    const piece = await Promise.race([reading, turn.over]);
    pieces.push(piece ?? reading);
    if (piece === undefined || !("chunk" in piece)) break;
    sizeBytes += piece.chunk.length;
  }
  turn.cancel();
  return pieces;
}

function nextTurn(): { readonly over: Promise<undefined>; cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, 0, undefined);
  });
  return { over, cancel: () => clearTimeout(timer) };
}

/** Sends `own` when its run is recorded, or what stands in its place. */
async function ended(
  run: Run,
  chunks: readonly Uint8Array[],
  already: readonly HeaderLine[],
  own: () => Response,
): Promise<Response> {
  for (const chunk of chunks) run.write(chunk);
  const release = await run.end();
  return release.action === "replace" ? toResponse(release.answer, already) : own();
}
