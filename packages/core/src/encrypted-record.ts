/**
 * An encrypted record, as bytes:
 *
 *     u8 0xE1  u8 length of the id  the id of the key, in ASCII  12 bytes nonce  ciphertext  16 bytes tag
 *
 * AES-256-GCM. The associated data are what stands in front of the nonce (layout and key id) and then the store key, so
 * that a record decrypts only where it was written. The layout's number is none of a record's own versions: a release
 * without the keys calls it unreadable, as this one calls a record that is not encrypted.
 *
 * Each record has a nonce of its own, drawn at random. Of 96 random bits two are the same with a probability of 2^-33 once
 * 2^32 records were written under one key; a key is not to be used for more (NIST SP 800-38D, section 8.3).
 */

// By the front door: what is thrown here has to be of the very class that is looked for there.
import { OnceoverError } from "@onceover/core";
import type { KeyRing, RingKey } from "./key-ring.js";
import type { StoreKey } from "./store.js";

const LAYOUT = 0xe1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Encrypts a record; `nonce` is given by nobody but a test that wants the same bytes again. */
export async function seal(
  ringKey: RingKey,
  key: StoreKey,
  record: Uint8Array,
  nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES)),
): Promise<Uint8Array> {
  const head = joined(Uint8Array.of(LAYOUT, ringKey.id.length), encoder.encode(ringKey.id));
  const encrypted = await crypto.subtle.encrypt(parameters(nonce, head, key), await ringKey.cryptoKey(), plain(record));
  return joined(head, nonce, new Uint8Array(encrypted));
}

/**
 * Decrypts a record.
 * @throws OnceoverError `record-unreadable` where it is not one that `seal` made for this key of the store with a key of the ring
 */
export async function unseal(ring: KeyRing, key: StoreKey, bytes: Uint8Array): Promise<Uint8Array> {
  const headBytes = 2 + (bytes[1] ?? 0);
  if (bytes[0] !== LAYOUT || bytes.length < headBytes + NONCE_BYTES + TAG_BYTES) {
    throw unreadable("it is not encrypted, or not as this release encrypts");
  }
  const ringKey = ring.get(decoder.decode(bytes.subarray(2, headBytes)));
  if (ringKey === undefined) throw unreadable("keys has none of the id it was encrypted with");
  const nonce = bytes.slice(headBytes, headBytes + NONCE_BYTES);
  const encrypted = plain(bytes.subarray(headBytes + NONCE_BYTES));
  const cryptoKey = await ringKey.cryptoKey();
  try {
    return new Uint8Array(
      await crypto.subtle.decrypt(parameters(nonce, bytes.subarray(0, headBytes), key), cryptoKey, encrypted),
    );
  } catch (cause) {
    throw unreadable(
      `it is not what was written here under the key "${ringKey.id}", or that key is another one`,
      cause,
    );
  }
}

function parameters(iv: Uint8Array<ArrayBuffer>, head: Uint8Array, key: StoreKey) {
  return { name: "AES-GCM", iv, additionalData: joined(head, encoder.encode(key)), tagLength: 8 * TAG_BYTES };
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** WebCrypto takes no view of shared memory: that is copied. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

function unreadable(why: string, cause?: unknown): OnceoverError {
  return new OnceoverError("record-unreadable", `a record cannot be decrypted: ${why}`, { cause });
}
