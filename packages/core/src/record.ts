/**
 * The record of a run's answer, as bytes. Stores keep it without looking inside.
 *
 * Layout, numbers big endian:
 *
 *     u8 version  u8 kind  u16 status  f64 completedAtMs  u16 texts  u32 chunks  u32 textBytes
 *     u32 × texts      length of each text in UTF-16 units
 *     u32 × chunks     length of each chunk of the body in bytes
 *     textBytes        all texts, one behind the other, in UTF-8
 *     the rest         the body
 *
 * Texts are: fingerprint, revision, then name and value of each header line. All of them are encoded and decoded
 * in one go, which is what makes this several times as fast as JSON. A reader takes nothing for granted: what does
 * not add up is `unreadable`, as is a version it does not know.
 */

import type { HeaderLine } from "./facts.js";
import type { Fingerprint } from "./store.js";

/** Why the body of an answer was not kept. */
export type TombstoneReason = "too-large" | "cut" | "unrecordable";

interface RecordHead {
  readonly fingerprint: Fingerprint;
  /** The revision that ran. */
  readonly revision: string;
  /** When the run ended, in epoch milliseconds of the process that ran it. */
  readonly completedAtMs: number;
  readonly status: number;
}

/** A done record that can be replayed. */
export interface AnswerRecord extends RecordHead {
  readonly kind: "answer";
  readonly headers: readonly HeaderLine[];
  readonly chunks: readonly Uint8Array[];
}

/** A done record whose body cannot be replayed: a retry is told so, and nothing runs again. */
export interface Tombstone extends RecordHead {
  readonly kind: TombstoneReason;
}

/** What a done record says. */
export type RunRecord = AnswerRecord | Tombstone;

/** What `decodeRecord` made of some bytes. */
export type Decoded = { readonly outcome: "record"; readonly record: RunRecord } | { readonly outcome: "unreadable" };

const VERSION = 1;
const HEAD_BYTES = 22;
const KINDS = ["answer", "too-large", "cut", "unrecordable"] as const;
const MAX_TEXTS = 0xffff;
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the point.
const UNSAFE_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f]/;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether a header line can be sent again as it is: a token as its name, and no control character in its value. */
export function isSafeHeader([name, value]: HeaderLine): boolean {
  return FIELD_NAME.test(name) && !UNSAFE_VALUE.test(value);
}

const NO_HEADERS: readonly HeaderLine[] = [];
const NO_CHUNKS: readonly Uint8Array[] = [];

/** Records are written one behind the other into memory that they share: an allocation for each costs more than writing it. */
const SLAB_BYTES = 65_536;
let slab = new Uint8Array(0);

/** Turns a record into bytes, which may be a view of larger memory. Plain loops: this is part of every first request. */
export function encodeRecord(record: RunRecord): Uint8Array {
  const headers = record.kind === "answer" ? record.headers : NO_HEADERS;
  const chunks = record.kind === "answer" ? record.chunks : NO_CHUNKS;
  const texts: string[] = [record.fingerprint, record.revision];
  for (const [name, value] of headers) texts.push(name, value);
  const text = texts.join("");
  const pieces = [...texts, ...chunks];
  const textAt = HEAD_BYTES + 4 * pieces.length;
  // No UTF-16 unit takes more than three bytes.
  let maxBytes = textAt + 3 * text.length;
  for (const chunk of chunks) maxBytes += chunk.length;
  const place = maxBytes > slab.length ? new Uint8Array(Math.max(maxBytes, SLAB_BYTES)) : slab;
  let end = textAt + encoder.encodeInto(text, place.subarray(textAt)).written;
  const view = new DataView(place.buffer, place.byteOffset);
  writeHead(view, record, texts.length, chunks.length, end - textAt);
  for (let at = 0; at < pieces.length; at++) view.setUint32(HEAD_BYTES + 4 * at, pieces[at]?.length ?? 0);
  for (const chunk of chunks) {
    place.set(chunk, end);
    end += chunk.length;
  }
  // What was given out is never written again.
  slab = place.subarray(end);
  return place.subarray(0, end);
}

function writeHead(view: DataView, record: RunRecord, texts: number, chunks: number, textBytes: number): void {
  view.setUint8(0, VERSION);
  view.setUint8(1, KINDS.indexOf(record.kind));
  view.setUint16(2, record.status);
  view.setFloat64(4, record.completedAtMs);
  view.setUint16(12, texts);
  view.setUint32(14, chunks);
  view.setUint32(18, textBytes);
}

/** Whether an answer with this many header lines has a record at all. */
export function fitsRecord(headers: readonly HeaderLine[]): boolean {
  return 2 + 2 * headers.length <= MAX_TEXTS && headers.every(isSafeHeader);
}

const UNREADABLE: Decoded = { outcome: "unreadable" };

/** Reads a record. Never throws; takes time linear in the number of bytes. Plain loops: this is part of every replay. */
export function decodeRecord(bytes: Uint8Array): Decoded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEAD_BYTES || view.getUint8(0) !== VERSION) return UNREADABLE;
  const textCount = view.getUint16(12);
  const textAt = HEAD_BYTES + 4 * (textCount + view.getUint32(14));
  const bodyAt = textAt + view.getUint32(18);
  if (bodyAt > bytes.length) return UNREADABLE;
  const lengths: number[] = [];
  for (let at = HEAD_BYTES; at < textAt; at += 4) lengths.push(view.getUint32(at));
  const text = decodeText(bytes.subarray(textAt, bodyAt));
  if (text === undefined) return UNREADABLE;
  const body = bytes.subarray(bodyAt);
  const texts = split(text, lengths.slice(0, textCount), (from, to) => text.slice(from, to));
  const chunks = split(body, lengths.slice(textCount), (from, to) => body.subarray(from, to));
  return texts && chunks ? assemble(view, texts, chunks) : UNREADABLE;
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** `undefined` where the lengths do not add up to the whole. */
function split<Piece>(
  whole: { readonly length: number },
  lengths: readonly number[],
  piece: (from: number, to: number) => Piece,
): Piece[] | undefined {
  let at = 0;
  const pieces = lengths.map((length) => {
    at += length;
    return piece(at - length, at);
  });
  return at === whole.length ? pieces : undefined;
}

function assemble(view: DataView, texts: readonly string[], chunks: readonly Uint8Array[]): Decoded {
  const [fingerprint, revision, ...fields] = texts;
  const kind = KINDS[view.getUint8(1)];
  const status = view.getUint16(2);
  const completedAtMs = view.getFloat64(4);
  if (fingerprint === undefined || revision === undefined || kind === undefined) return UNREADABLE;
  if (status < 100 || status > 999 || !Number.isFinite(completedAtMs)) return UNREADABLE;
  const head = { fingerprint: fingerprint as Fingerprint, revision, completedAtMs, status };
  if (kind !== "answer") {
    if (fields.length + chunks.length > 0) return UNREADABLE;
    return { outcome: "record", record: { kind, ...head } };
  }
  const headers = pairUp(fields);
  if (headers === undefined || !headers.every(isSafeHeader)) return UNREADABLE;
  return { outcome: "record", record: { kind, ...head, headers, chunks } };
}

function pairUp(fields: readonly string[]): HeaderLine[] | undefined {
  if (fields.length % 2 !== 0) return undefined;
  const lines: HeaderLine[] = [];
  for (let at = 0; at < fields.length; at += 2) lines.push([fields[at] ?? "", fields[at + 1] ?? ""]);
  return lines;
}
