/**
 * Brings a body into the one form all its spellings share, so that the fingerprint is the same for a retry with a
 * fresh multipart boundary, for members in another order, and on either side of a body parser.
 */

import { canonicalJson } from "./canonical-json.js";
import type { BodyFacts } from "./facts.js";

/** What a body stands for: a text that is digested together with the request line, or bytes that are digested alone. */
export type CanonicalBody =
  | { readonly form: "json" | "none"; readonly text: string }
  | { readonly form: "urlencoded"; readonly pairs: readonly FormPair[] }
  | { readonly form: "multipart"; readonly parts: readonly MultipartPart[] }
  | { readonly form: "bytes"; readonly bytes: Uint8Array };

/** One field of a form, its name without list indices. */
export type FormPair = readonly [name: string, value: string];

/** One part of a multipart body. */
export interface MultipartPart {
  /** Header lines of the part, as sent. */
  readonly head: Uint8Array;
  readonly content: Uint8Array;
}

/** `application/json; charset=utf-8` taken apart, lower case; empty where there is none. */
export interface MediaType {
  readonly essence: string;
  readonly charset: string;
  readonly boundary: string;
}

/** Reads a `Content-Type` as far as canonical forms need it. */
export function parseMediaType(contentType: string): MediaType {
  const semicolon = contentType.indexOf(";");
  if (semicolon === -1) return { essence: contentType.trim().toLowerCase(), charset: "", boundary: "" };
  const parameters = contentType.slice(semicolon);
  return {
    essence: contentType.slice(0, semicolon).trim().toLowerCase(),
    charset: parameter(parameters, "charset").toLowerCase(),
    boundary: parameter(parameters, "boundary"),
  };
}

function parameter(parameters: string, wanted: string): string {
  for (const piece of parameters.split(";")) {
    const [name = "", ...value] = piece.split("=");
    if (name.trim().toLowerCase() === wanted)
      return value
        .join("=")
        .trim()
        .replace(/^"(.*)"$/, "$1");
  }
  return "";
}

type Readable = Extract<BodyFacts, { outcome: "bytes" | "parsed" }>;

/**
 * The canonical form of a body: JSON by RFC 8785, urlencoded sorted by name, multipart by its parts, anything else
 * its bytes. What claims a form and does not keep to it counts as bytes. `undefined` for a parsed value that has no
 * canonical form, such as a BigInt or a class of files.
 */
export function canonicalBody(body: Readable, media: MediaType): CanonicalBody | undefined {
  return body.outcome === "parsed" ? canonicalValue(body.value, media) : canonicalBytes(body.bytes, media, body.json);
}

function canonicalValue(value: unknown, media: MediaType): CanonicalBody | undefined {
  if (value instanceof Uint8Array) return canonicalBytes(value, media);
  if (typeof value === "string") return canonicalBytes(new TextEncoder().encode(value), { ...media, charset: "" });
  if (media.essence === "application/x-www-form-urlencoded") return formValue(value);
  // What a multipart parser leaves behind names no file's content.
  return media.essence.startsWith("multipart/") ? undefined : json(value);
}

function canonicalBytes(bytes: Uint8Array, { essence, charset, boundary }: MediaType, value?: unknown): CanonicalBody {
  if (bytes.length === 0) return { form: "none", text: "" };
  const asItIs: CanonicalBody = { form: "bytes", bytes };
  if (isJson(essence)) return (value === undefined ? jsonText(decode(bytes, charset)) : json(value)) ?? asItIs;
  if (essence === "application/x-www-form-urlencoded") return formText(decode(bytes, charset)) ?? asItIs;
  if (essence.startsWith("multipart/") && isBoundary(boundary)) return multipart(bytes, boundary) ?? asItIs;
  if (essence.startsWith("text/") && charset !== "") return recoded(bytes, charset) ?? asItIs;
  return asItIs;
}

function isJson(essence: string): boolean {
  return essence === "application/json" || essence.endsWith("+json");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

const utf8 = new TextDecoder();

function decode(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return (charset === "" || charset === "utf-8" ? utf8 : new TextDecoder(charset)).decode(bytes);
  } catch {
    return undefined;
  }
}

function recoded(bytes: Uint8Array, charset: string): CanonicalBody | undefined {
  const text = decode(bytes, charset);
  return text === undefined ? undefined : { form: "bytes", bytes: new TextEncoder().encode(text) };
}

function jsonText(text: string | undefined): CanonicalBody | undefined {
  if (text === undefined) return undefined;
  try {
    return json(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Throws nothing: a value nested deeper than the stack, or one JSON has no word for, has no canonical form. */
function json(value: unknown): CanonicalBody | undefined {
  try {
    const text = canonicalJson(value);
    return text === undefined ? undefined : { form: "json", text };
  } catch {
    return undefined;
  }
}

function formValue(value: unknown): CanonicalBody | undefined {
  const pairs = isObject(value) ? flatten("", value, MAX_FORM_DEPTH) : undefined;
  return pairs === undefined ? undefined : form(pairs);
}

/** Deeper than any form parser goes, and far from the end of the stack. */
const MAX_FORM_DEPTH = 64;

function formText(text: string | undefined): CanonicalBody | undefined {
  return text === undefined ? undefined : form([...new URLSearchParams(text)]);
}

/** Sorted by name; values of one name keep their order, as they do in the array a parser makes of them. */
function form(pairs: readonly FormPair[]): CanonicalBody {
  const named = pairs.map(([name, value]): FormPair => [withoutIndices(name), value]);
  named.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return { form: "urlencoded", pairs: named };
}

/** Parsers disagree on `a`, `a[]` and `a[0]`; all of them stand for one list. */
function withoutIndices(name: string): string {
  return name.replace(/\[\d*\]/g, "");
}

function flatten(prefix: string, value: object, depthLeft: number): FormPair[] | undefined {
  if (depthLeft === 0) return undefined;
  const pairs: FormPair[] = [];
  for (const [name, inner] of Object.entries(value)) {
    const path = prefix === "" ? name : `${prefix}[${name}]`;
    const found = isObject(inner) ? flatten(path, inner, depthLeft - 1) : [[path, String(inner)] as const];
    if (found === undefined) return undefined;
    // One by one: a list long enough overflows the stack as arguments.
    for (const pair of found) pairs.push(pair);
  }
  return pairs;
}

/** RFC 2046 allows 70 characters; a longer one would let a client make the search below quadratic. */
function isBoundary(boundary: string): boolean {
  return boundary !== "" && boundary.length <= 70;
}

const CRLF = [13, 10];
const DASHES = [45, 45];

/** Splits a body into its parts (RFC 2046, section 5.1.1); `undefined` where it does not end as one must. */
function multipart(bytes: Uint8Array, boundary: string): CanonicalBody | undefined {
  const delimiter = new TextEncoder().encode(`--${boundary}`);
  const parts: MultipartPart[] = [];
  let at = indexOf(bytes, delimiter, 0);
  while (at !== -1) {
    const start = at + delimiter.length;
    if (startsWith(bytes, DASHES, start)) return { form: "multipart", parts };
    const end = indexOf(bytes, [...CRLF, ...delimiter], start);
    const part = end === -1 ? undefined : splitPart(bytes.subarray(start, end));
    if (part === undefined) return undefined;
    parts.push(part);
    at = end + CRLF.length;
  }
  return undefined;
}

/** A part's header block and its content; the empty line stands between them. */
function splitPart(bytes: Uint8Array): MultipartPart | undefined {
  const gap = indexOf(bytes, [...CRLF, ...CRLF], 0);
  return gap === -1 ? undefined : { head: bytes.subarray(0, gap), content: bytes.subarray(gap + 4) };
}

function startsWith(bytes: Uint8Array, wanted: ArrayLike<number>, at: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

/** Jumps from one first byte to the next: a boundary's rare `\r` or `-` keeps this close to linear. */
function indexOf(bytes: Uint8Array, wanted: ArrayLike<number>, from: number): number {
  const first = wanted[0] ?? 0;
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (startsWith(bytes, wanted, at)) return at;
  }
  return -1;
}
