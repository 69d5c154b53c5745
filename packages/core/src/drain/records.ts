import type { StreamTracker } from "./stream-tracker.js";

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/**
 * Follows a stream of newline-delimited JSON. It is at a boundary before the first byte and behind each line feed; lines of
 * nothing but white space are no records.
 *
 * Source: the NDJSON specification, 3.1 "Serialization" and 3.2 "Parsing".
 */
export function createRecordTracker(): StreamTracker {
  let events = 0;
  let isAtBoundary = true;
  /** Whether the line that is not over has anything in it. */
  let hasContent = false;
  return {
    write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const found = chunk.indexOf(LF, at);
        const end = found === -1 ? chunk.length : found;
        hasContent ||= !isBlank(chunk, at, end);
        isAtBoundary = found !== -1;
        if (isAtBoundary && hasContent) events += 1;
        if (isAtBoundary) hasContent = false;
        at = end + 1;
      }
    },
    get isAtBoundary() {
      return isAtBoundary;
    },
    get events() {
      return events;
    },
    lastId: undefined,
  };
}

function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at];
    if (byte !== SPACE && byte !== TAB && byte !== CR) return false;
  }
  return true;
}
