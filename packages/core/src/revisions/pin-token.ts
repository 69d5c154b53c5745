/**
 * A revision pin as a text:
 *
 *     rp1 . id of the key . payload . tag
 *
 * Payload and tag are base64url without padding. The payload:
 *
 *     u8 form  16 bytes audience  u64 epoch  u64 expiry in epoch milliseconds  the revision, up to the end
 *
 * The audience is the first half of the SHA-256 of the service's name. Of the form, bit 0 is set for an override, and bit 1
 * where the revision stands in UTF-16 (big-endian), which it does where that is shorter than UTF-8: so 255 characters of any
 * script fit. All before the last point, as ASCII, is what the tag authenticates: version, key, form and all else.
 *
 * A token has one spelling. What was read is written again, and has to come out as it came.
 */

import { isWellFormed } from "../well-formed.js";
import type { PinClaims } from "./pin-keys.js";

/** Longest token that is looked at, in characters. The longest that is ever made has 805. */
export const MAX_TOKEN_CHARS = 1024;

/** How much of the digest of a service names it in a token, in bytes. */
export const AUDIENCE_BYTES = 16;

/** Of no character that could need escaping anywhere, and no point, which ends it in a token. */
export const KEY_ID = /^[0-9A-Za-z_-]{1,32}$/;

/** What the key of a token vouches for. */
export interface PinPayload {
  readonly keyId: string;
  /** The service it was made for: `AUDIENCE_BYTES` bytes. */
  readonly audience: Uint8Array;
  readonly claims: PinClaims;
}

/** A token that is spelled as it should be; who made it is another question. */
export interface ReadToken extends PinPayload {
  /** What `tag` authenticates. */
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly tag: Uint8Array<ArrayBuffer>;
  /** The token once more, as a text of its own: one cut out of a header would keep all of the header in memory. */
  readonly text: string;
}

type Bytes = Uint8Array<ArrayBuffer>;

const TOKEN = /^rp1\.([0-9A-Za-z_-]{1,32})\.([0-9A-Za-z_-]+)\.([0-9A-Za-z_-]{43})$/;
const OVERRIDE = 1;
const WIDE = 2;
const EPOCH_AT = 1 + AUDIENCE_BYTES;
const EXPIRY_AT = EPOCH_AT + 8;
const REVISION_AT = EXPIRY_AT + 8;
const MAX_REVISION_CHARS = 255;

const encoder = new TextEncoder();
/** What is no UTF-8 becomes a replacement character, which is not written as what was read. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** All of a token but its tag and the point in front of it. */
export function signedText({ keyId, audience, claims }: PinPayload): string {
  const { form, bytes } = revisionBytes(claims.revision);
  const payload = new Uint8Array(REVISION_AT + bytes.length);
  payload[0] = form | (claims.kind === "override" ? OVERRIDE : 0);
  payload.set(audience, 1);
  const view = new DataView(payload.buffer);
  view.setBigUint64(EPOCH_AT, BigInt(claims.epoch));
  view.setBigUint64(EXPIRY_AT, BigInt(claims.expiresAtMs));
  payload.set(bytes, REVISION_AT);
  return `rp1.${keyId}.${base64url(payload)}`;
}

/** What is authenticated of a token: the bytes of its `signedText`. */
export function signedBytes(text: string): Bytes {
  return encoder.encode(text);
}

/** A token of its two parts. */
export function tokenOf(signed: string, tag: Uint8Array): string {
  return `${signed}.${base64url(tag)}`;
}

/** Reads a token of at most `MAX_TOKEN_CHARS`; `undefined` for whatever no `tokenOf` can have made. Never throws. */
export function readToken(token: string): ReadToken | undefined {
  const [, keyId = "", payload = "", tagText = ""] = TOKEN.exec(token) ?? [];
  const [bytes, tag] = [bytesOf(payload), bytesOf(tagText)];
  const claims = bytes && readClaims(bytes);
  if (bytes === undefined || tag === undefined || claims === undefined) return undefined;
  const read = { keyId, audience: bytes.slice(1, EPOCH_AT), claims };
  const signed = signedText(read);
  const text = tokenOf(signed, tag);
  return text === token ? { ...read, signed: signedBytes(signed), tag, text } : undefined;
}

/** Whether a text can be the revision of a pin: 1 to 255 characters, none of them half of one. */
export function isRevision(text: unknown): text is string {
  return typeof text === "string" && text !== "" && text.length <= MAX_REVISION_CHARS && isWellFormed(text);
}

function readClaims(bytes: Bytes): PinClaims | undefined {
  if (bytes.length <= REVISION_AT) return undefined;
  const view = new DataView(bytes.buffer);
  const [form, epoch, expiresAtMs] = [view.getUint8(0), numberAt(view, EPOCH_AT), numberAt(view, EXPIRY_AT)];
  const tail = bytes.subarray(REVISION_AT);
  const revision = (form & WIDE) === 0 ? decoder.decode(tail) : wideText(tail);
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(expiresAtMs) || !isRevision(revision)) return undefined;
  return Object.freeze({ kind: (form & OVERRIDE) === 0 ? "pin" : "override", revision, epoch, expiresAtMs });
}

function numberAt(view: DataView, at: number): number {
  return Number(view.getBigUint64(at));
}

function revisionBytes(text: string): { readonly form: number; readonly bytes: Uint8Array } {
  const narrow = encoder.encode(text);
  return narrow.length <= 2 * text.length ? { form: 0, bytes: narrow } : { form: WIDE, bytes: wideBytes(text) };
}

function wideBytes(text: string): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  for (let at = 0; at < text.length; at++) view.setUint16(2 * at, text.charCodeAt(at));
  return new Uint8Array(view.buffer);
}

/** An odd byte at the end is left out here, and so missing when it is written again. */
function wideText(bytes: Bytes): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const units = Array.from({ length: Math.floor(bytes.length / 2) }, (_, at) => view.getUint16(2 * at));
  return String.fromCharCode(...units);
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bytes of a text of base64url, spare bits and all; `undefined` for a length that none has. */
function bytesOf(text: string): Bytes | undefined {
  if (text.length % 4 === 1) return undefined;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
