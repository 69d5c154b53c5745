/**
 * What the file says of one id of a service, and the bytes it says it in.
 *
 * Envelope, version 1, big-endian: 1 byte version, 8 bytes each (IEEE 754) first writing and last writing in epoch
 * milliseconds, and for how many milliseconds the text is kept; then the text in UTF-8.
 *
 * Times are those of the machine's clock, which can be set. Set forward, it ends texts early, until they are written again.
 * Set back, it leaves entries that were written in what is the future now: they are as young as can be, never younger, and
 * the next write of their service makes them of that moment, so that a revision that has gone grows old from then on.
 */
import type { RegistryEntry } from "@onceover/core/revisions";

/** One text and its times. */
export interface RevisionEntry {
  readonly text: string;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly keepMs: number;
}

const VERSION = 1;
const FIXED_BYTES = 25;
/** A number that can be counted on from: what every double can hold, and 1 more. */
const NUMBER = /^\d{1,15}$/;

/** Writes an entry into its envelope. */
export function encodeRevision({ text, firstMs, lastMs, keepMs }: RevisionEntry): Buffer {
  const bytes = Buffer.allocUnsafe(FIXED_BYTES + Buffer.byteLength(text));
  bytes[0] = VERSION;
  bytes.writeDoubleBE(firstMs, 1);
  bytes.writeDoubleBE(lastMs, 9);
  bytes.writeDoubleBE(keepMs, 17);
  bytes.write(text, FIXED_BYTES);
  return bytes;
}

/** Reads an entry out of its envelope; `unreadable` where it is not one that this version writes. */
export function decodeRevision(bytes: Buffer): RevisionEntry | "unreadable" {
  if (bytes[0] !== VERSION || bytes.length < FIXED_BYTES) return "unreadable";
  const [firstMs, lastMs, keepMs] = [bytes.readDoubleBE(1), bytes.readDoubleBE(9), bytes.readDoubleBE(17)];
  return { text: bytes.toString("utf8", FIXED_BYTES), firstMs, lastMs, keepMs };
}

/** Whether a text is still kept. */
export function isKept({ lastMs, keepMs }: RevisionEntry, nowMs: number): boolean {
  return lastMs + keepMs > nowMs;
}

/** The entry that a text makes of the one before; of the same beginning where that is still kept. */
export function writtenOver(
  before: RevisionEntry | undefined,
  text: string,
  keepMs: number,
  nowMs: number,
): RevisionEntry {
  const firstMs = before !== undefined && isKept(before, nowMs) ? Math.min(before.firstMs, nowMs) : nowMs;
  return { text, firstMs, lastMs: nowMs, keepMs };
}

/** The text after the one that counts: 1 more, or 1. */
export function oneMore(before: RevisionEntry | undefined, nowMs: number): string {
  const text = before !== undefined && isKept(before, nowMs) ? before.text : "0";
  return NUMBER.test(text) ? String(Number(text) + 1) : "1";
}

/** The entry as it is told to who asks, with its ages. */
export function agedEntry(id: string, { text, firstMs, lastMs }: RevisionEntry, nowMs: number): RegistryEntry {
  const ageMs = Math.max(0, nowMs - lastMs);
  return { id, text, ageMs, sinceMs: Math.max(ageMs, nowMs - firstMs) };
}

/** What a write of the same service makes of an entry: it is dropped, pulled back out of the future, or kept as it is. */
export function tidied(entry: RevisionEntry, nowMs: number): "drop" | "keep" | RevisionEntry {
  if (!isKept(entry, nowMs)) return "drop";
  return entry.lastMs <= nowMs ? "keep" : { ...entry, firstMs: Math.min(entry.firstMs, nowMs), lastMs: nowMs };
}
