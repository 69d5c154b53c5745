/**
 * WebSocket, seen from the server without the library that speaks it: where between its frames a close frame may be put, and
 * whether one has gone or come already. Control frames may stand between the fragments of a message, so each frame's end is
 * a boundary.
 *
 * Source: RFC 6455, 5.2 "Base Framing Protocol", 5.4 "Fragmentation", 5.5.1 "Close".
 */

import { show } from "../show.js";
import type { StreamTracker } from "./stream-tracker.js";

/** Follows the frames of one direction. */
export interface FrameTracker extends StreamTracker {
  /** Whether a whole close frame went by; nothing but the other side's is to come after it. */
  readonly hasClosed: boolean;
}

const FIN = 0x80;
const OPCODE = 0x0f;
const CLOSE = 0x8;
const MASKED = 0x80;
const LENGTH = 0x7f;
/** Two bytes, eight for the length, four for the mask. */
const LONGEST_HEADER = 14;

/** Follows the bytes of either side behind the head of its request or answer. `events` counts whole messages. */
export function createFrameTracker(): FrameTracker {
  const header = new Uint8Array(LONGEST_HEADER);
  let headerLength = 0;
  let payloadLeft = 0;
  let events = 0;
  let hasClosed = false;

  function endFrame(): void {
    const first = header[0] ?? 0;
    if ((first & OPCODE) === CLOSE) hasClosed = true;
    if ((first & OPCODE) < CLOSE && (first & FIN) !== 0) events += 1;
    headerLength = 0;
  }

  function takeHeader(byte: number): void {
    header[headerLength++] = byte;
    if (headerLength < headerSize(header, headerLength)) return;
    payloadLeft = payloadSize(header);
    if (payloadLeft === 0) endFrame();
  }

  function takePayload(most: number): number {
    const taken = Math.min(payloadLeft, most);
    payloadLeft -= taken;
    if (payloadLeft === 0) endFrame();
    return taken;
  }

  return {
    write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        if (payloadLeft > 0) at += takePayload(chunk.length - at);
        else takeHeader(chunk[at++] ?? 0);
      }
    },
    get isAtBoundary() {
      return headerLength === 0;
    },
    get events() {
      return events;
    },
    get hasClosed() {
      return hasClosed;
    },
    lastId: undefined,
  };
}

/** How long a header is, as far as it can be told from what there is of it. */
function headerSize(header: Uint8Array, length: number): number {
  if (length < 2) return 2;
  const second = header[1] ?? 0;
  const short = second & LENGTH;
  return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((second & MASKED) === 0 ? 0 : 4);
}

/** Exact up to 2^53, which no frame gets to. */
function payloadSize(header: Uint8Array): number {
  const short = (header[1] ?? 0) & LENGTH;
  if (short < 126) return short;
  let size = 0;
  for (let at = 2; at < (short === 126 ? 4 : 10); at += 1) size = size * 256 + (header[at] ?? 0);
  return size;
}

/** What a close frame has room for behind its code: control frames carry 125 bytes at most. */
const LONGEST_REASON = 123;

/**
 * The frame that ends a WebSocket from the server's side, for a boundary. 1012 says "service restart": the client may come
 * again, and reaches another instance.
 *
 * Source: RFC 6455, 5.5.1; the IANA registry of WebSocket close codes for 1012.
 * @throws {TypeError} where the reason is longer than 123 bytes of UTF-8.
 */
export function closeFrame(code: 1012, reason = ""): Uint8Array {
  const text = new TextEncoder().encode(reason);
  if (text.length > LONGEST_REASON) {
    throw new TypeError(`reason must be a text of at most ${LONGEST_REASON} bytes of UTF-8, got ${show(reason)}`);
  }
  return Uint8Array.of(FIN | CLOSE, 2 + text.length, code >> 8, code & 0xff, ...text);
}
