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

/** Turns a record into bytes. Plain loops: this is part of every first request. */
export function encodeRecord(record: RunRecord): Uint8Array {
  const headers = record.kind === "answer" ? record.headers : NO_HEADERS;
  const chunks = record.kind === "answer" ? record.chunks : NO_CHUNKS;
  const texts: string[] = [record.fingerprint, record.revision];
  for (const [name, value] of headers) texts.push(name, value);
  const text = encoder.encode(texts.join(""));
  const textAt = HEAD_BYTES + 4 * (texts.length + chunks.length);
  const bodyAt = textAt + text.length;
  let bytesInAll = bodyAt;
  for (const chunk of chunks) bytesInAll += chunk.length;
  const bytes = new Uint8Array(bytesInAll);
  const view = new DataView(bytes.buffer);
  writeHead(view, record, texts.length, chunks.length, text.length);
  writeLengths(view, HEAD_BYTES, texts);
  writeLengths(view, HEAD_BYTES + 4 * texts.length, chunks);
  bytes.set(text, textAt);
  writeChunks(bytes, bodyAt, chunks);
  return bytes;
}

function writeLengths(view: DataView, from: number, pieces: readonly { readonly length: number }[]): void {
  let at = from;
  for (const { length } of pieces) {
    view.setUint32(at, length);
    at += 4;
  }
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

function writeChunks(bytes: Uint8Array, at: number, chunks: readonly Uint8Array[]): void {
  let offset = at;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
}

/** Whether an answer with this many header lines has a record at all. */
export function fitsRecord(headers: readonly HeaderLine[]): boolean {
  return 2 + 2 * headers.length <= MAX_TEXTS && headers.every(isSafeHeader);
}

const UNREADABLE: Decoded = { outcome: "unreadable" };

/** Reads a record. Never throws; takes time linear in the number of bytes. Plain loops: this is part of every replay. */
export function decodeRecord(bytes: Uint8Array): Decoded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 0 || view.getUint8(0) !== VERSION) return UNREADABLE;
  if (bytes.length < HEAD_BYTES) return UNREADABLE;
  const counts = { texts: view.getUint16(12), chunks: view.getUint32(14), textBytes: view.getUint32(18) };
  const textAt = HEAD_BYTES + 4 * (counts.texts + counts.chunks);
  const bodyAt = textAt + counts.textBytes;
  if (bodyAt > bytes.length) return UNREADABLE;
  const lengths = readLengths(view, counts.texts + counts.chunks);
  const texts = splitText(bytes.subarray(textAt, bodyAt), lengths.slice(0, counts.texts));
  const chunks = splitBytes(bytes.subarray(bodyAt), lengths.slice(counts.texts));
  if (texts === undefined || chunks === undefined) return UNREADABLE;
  return assemble(view, texts, chunks);
}

function readLengths(view: DataView, count: number): number[] {
  const lengths: number[] = [];
  for (let at = HEAD_BYTES; lengths.length < count; at += 4) lengths.push(view.getUint32(at));
  return lengths;
}

function splitText(bytes: Uint8Array, lengths: readonly number[]): string[] | undefined {
  const text = decodeText(bytes);
  if (text === undefined || sum(lengths) !== text.length) return undefined;
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return text.slice(at - length, at);
  });
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function splitBytes(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] | undefined {
  if (sum(lengths) !== bytes.length) return undefined;
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return bytes.subarray(at - length, at);
  });
}

function sum(lengths: readonly number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
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
