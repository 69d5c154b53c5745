const LF = 0x0a;
const CR = 0x0d;
const BOM = Uint8Array.of(0xef, 0xbb, 0xbf);

/** What is kept of any line that came in parts, so that its name can be read: `event:` is the longest. */
const LONGEST_NAME = 6;

/** Takes one line without its end: the bytes from `from` to `to`, and whether that is all of it. */
export type OnLine = (bytes: Uint8Array, from: number, to: number, isWhole: boolean) => void;

/** Splits bytes into lines. */
export interface LineTracker {
  write(chunk: Uint8Array): void;
  /** Whether no line has been begun that is not over. */
  readonly isAtStart: boolean;
}

/**
 * Splits an event stream into lines that end with LF, CR or CRLF; a byte order mark at the very start is no part of the first.
 * A line within one chunk is shown where it is. Of one that came in parts a copy is shown, cut off behind `longest` bytes, which
 * is asked for once its name is known.
 */
export function createLineTracker(onLine: OnLine, longest: (kept: Uint8Array, length: number) => number): LineTracker {
  let kept = new Uint8Array(64);
  let keptLength = 0;
  /** Of the line that is not over; more than was kept where it is too long. */
  let length = 0;
  let isAfterCr = false;
  /** How much of a byte order mark has come; all of it where there can be none any more. */
  let marked = 0;

  function keep(chunk: Uint8Array, from: number, to: number): void {
    length += to - from;
    let at = append(chunk, from, to, LONGEST_NAME);
    if (at < to) at = append(chunk, at, to, Math.max(LONGEST_NAME, longest(kept, keptLength)));
  }

  /** Says where it has stopped. */
  function append(chunk: Uint8Array, from: number, to: number, limit: number): number {
    const end = Math.min(to, from + Math.max(0, limit - keptLength));
    const needed = keptLength + end - from;
    if (needed > kept.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(kept);
      kept = larger;
    }
    for (let at = from; at < end; at += 1) kept[keptLength++] = chunk[at] ?? 0;
    return end;
  }

  function endLine(chunk: Uint8Array, from: number, to: number): void {
    if (length === 0) return onLine(chunk, from, to, true);
    keep(chunk, from, to);
    onLine(kept, 0, keptLength, keptLength === length);
    length = 0;
    keptLength = 0;
  }

  function feed(chunk: Uint8Array, start: number): void {
    let at = start;
    while (at < chunk.length) {
      const byte = chunk[at];
      if (isAfterCr && byte === LF) at += 1;
      isAfterCr = false;
      const end = endOfLine(chunk, at);
      if (end === chunk.length) {
        if (at < end) keep(chunk, at, end);
        return;
      }
      endLine(chunk, at, end);
      isAfterCr = chunk[end] === CR;
      at = end + 1;
    }
  }

  /** The start of a stream: skips the mark, or hands on what only looked like one. */
  function feedFirst(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && marked < BOM.length && chunk[at] === BOM[marked]) {
      at += 1;
      marked += 1;
    }
    if (at === chunk.length) return;
    const looked = marked < BOM.length ? marked : 0;
    marked = BOM.length;
    feed(BOM.subarray(0, looked), 0);
    feed(chunk, at);
  }

  return {
    write: (chunk) => (marked === BOM.length ? feed(chunk, 0) : feedFirst(chunk)),
    get isAtStart() {
      return length === 0 && (marked === 0 || marked === BOM.length);
    },
  };
}

/** Where the first CR or LF is; the length where there is none. */
function endOfLine(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at];
    // Most bytes are greater than both.
    if (byte !== undefined && byte <= CR && (byte === LF || byte === CR)) return at;
  }
  return bytes.length;
}
