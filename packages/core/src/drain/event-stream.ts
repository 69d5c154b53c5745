/**
 * Server-sent events, seen from the server: where a stream may be ended so that its client loses nothing and gets nothing
 * twice, and with what words.
 *
 * Source: HTML, "Server-sent events", 9.2.5 "Parsing an event stream" and 9.2.6 "Interpreting an event stream". Numbers of
 * bytes are compared, never texts, because characters may be split between chunks.
 */

import { check } from "../check-options.js";
import type { RequestFacts } from "../facts.js";
import { createLineTracker } from "./lines.js";
import type { StreamTracker } from "./stream-tracker.js";

/** The longest id that is kept; after a longer one the last id is not known until the next. */
const LONGEST_ID_BYTES = 8_192;

const COLON = 0x3a;
const SPACE = 0x20;
const DATA = new TextEncoder().encode("data");
const EVENT = new TextEncoder().encode("event");
const ID = new TextEncoder().encode("id");
/** What is kept of a line that came in parts: an id whole, with its name, colon and space. */
const LONGEST_LINE = LONGEST_ID_BYTES + ID.length + 2;

/** An id as it came. */
interface RawId {
  bytes: Uint8Array;
  length: number;
  /** What is known of it where no bytes are. */
  text: string | undefined;
}

/**
 * Follows an event stream. It is at a boundary where no `data`, `event` or `id` waits for its blank line and no line is
 * unfinished, so behind a whole comment, too. Only what has data is an event.
 *
 * `lastId` is what the client sends as `Last-Event-ID` when it comes again, begun with the one it sent now: an id counts
 * from the blank line on that follows it, and an empty one takes it away.
 */
export function createEventStreamTracker(lastId?: string | undefined): StreamTracker {
  let events = 0;
  let hasData = false;
  let isPending = false;
  let sent: RawId = { bytes: new Uint8Array(0), length: 0, text: lastId };
  let next: RawId = { bytes: new Uint8Array(0), length: 0, text: undefined };
  let hasNext = false;

  /** "Dispatch the event": the id counts even where there is no data. */
  function endEvent(): void {
    if (hasData) events += 1;
    if (hasNext) [sent, next] = [next, sent];
    hasData = false;
    isPending = false;
    hasNext = false;
  }

  function onLine(bytes: Uint8Array, from: number, to: number, isWhole: boolean): void {
    if (from === to) return endEvent();
    if (isField(DATA, bytes, from, to)) {
      hasData = true;
      isPending = true;
    } else if (isField(ID, bytes, from, to)) {
      hasNext = readId(next, bytes, from + ID.length, to, isWhole) || hasNext;
      isPending = true;
    } else if (isField(EVENT, bytes, from, to)) isPending = true;
  }

  const lines = createLineTracker(onLine, (bytes, length) => (isField(ID, bytes, 0, length) ? LONGEST_LINE : 0));
  return {
    write: lines.write,
    get isAtBoundary() {
      return !isPending && lines.isAtStart;
    },
    get events() {
      return events;
    },
    get lastId() {
      return textOf(sent) || undefined;
    },
  };
}

/** Whether a line is of this field: its name, and a colon or nothing behind it. */
function isField(name: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  const end = from + name.length;
  if (end > to || (end < to && bytes[end] !== COLON)) return false;
  for (let at = 0; at < name.length; at += 1) if (bytes[from + at] !== name[at]) return false;
  return true;
}

/** Reads what stands behind the name. One with a NULL in it is ignored; of one that is too long nothing is known. */
function readId(id: RawId, bytes: Uint8Array, colon: number, to: number, isWhole: boolean): boolean {
  const from = Math.min(bytes[colon + 1] === SPACE ? colon + 2 : colon + 1, to);
  // Of what is too long no more is read than is kept: a NULL behind that makes no difference to who cannot tell the id.
  for (let at = from; at < to; at += 1) if (bytes[at] === 0) return false;
  id.length = 0;
  id.text = undefined;
  if (!isWhole || to - from > LONGEST_ID_BYTES) return true;
  if (id.bytes.length < to - from) id.bytes = new Uint8Array(Math.max(64, 2 * (to - from)));
  for (let at = from; at < to; at += 1) id.bytes[id.length++] = bytes[at] ?? 0;
  return true;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Decoded only when it is asked for: most ids are never. */
function textOf(id: RawId): string | undefined {
  if (id.length === 0) return id.text;
  id.text ??= utf8.decode(id.bytes.subarray(0, id.length));
  return id.text;
}

/** What a client is told when an endless stream is ended. */
export interface Farewell {
  /** After how long the client comes again. In whole milliseconds. */
  readonly retryMs: number;
  /** The id that it names then. Said again, because a blank line makes some clients forget an id that this stream never had. */
  readonly lastId?: string | undefined;
}

const isTime = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
const isId = (value: unknown) => typeof value === "string" && !/[\0\r\n]/.test(value);

/**
 * The last bytes of an event stream, for a boundary: the client comes again after `retryMs`, with the id it has. They hold no
 * data, so that no event is made of them.
 * @throws {TypeError} where `retryMs` is no time, or `lastId` cannot stand on one line.
 */
export function farewellBytes(farewell: Farewell): Uint8Array {
  check(
    "farewellBytes",
    {
      retryMs: [isTime, "must be a whole number of milliseconds"],
      lastId: [isId, "must be a text without line ends and NULL"],
    },
    farewell,
    ["retryMs"],
  );
  const id = farewell.lastId ? `id: ${farewell.lastId}\n` : "";
  return new TextEncoder().encode(`retry: ${farewell.retryMs}\n${id}\n`);
}

/** The `Last-Event-ID` a request carries, as text; `undefined` where there is none that could be said again. */
export function lastEventIdOf({ header }: Pick<RequestFacts, "header">): string | undefined {
  const [value = ""] = header("last-event-id");
  const id = decodeHeader(value);
  return id !== "" && isId(id) && !id.includes("\ufffd") ? id : undefined;
}

/** Clients send UTF-8, and most platforms hand on header values byte by byte. */
function decodeHeader(value: string): string {
  if (![...value].every((char) => char <= "\u00ff")) return value;
  return utf8.decode(Uint8Array.from(value, (char) => char.charCodeAt(0)));
}
