/**
 * What the file says about one key, and the bytes it says it in.
 *
 * Envelope, version 1, big-endian: 1 byte version, 1 byte state, 4 bytes attempt, 8 bytes each (IEEE 754) fence, end of
 * lease and end of retention in epoch milliseconds, 1 byte length and the owner token, 1 byte length and the fingerprint.
 * The bytes of a recorded answer are an entry of their own, so that looking through records never reads answers.
 */
import { type Fingerprint, OnceoverError, type OwnerToken, type StoreKey } from "@onceover/core";

/** One record, its answer apart. */
export interface HeldRecord {
  readonly state: "running" | "done" | "abandoned";
  readonly token: OwnerToken;
  readonly fingerprint: Fingerprint;
  readonly fence: number;
  readonly attempt: number;
  readonly leaseEndsMs: number;
  readonly expiresMs: number;
}

const VERSION = 1;
const STATES = ["running", "done", "abandoned"] as const;
const FIXED_BYTES = 30;

/** Writes a record into its envelope. */
export function encodeHeld(held: HeldRecord): Buffer {
  const bytes = Buffer.allocUnsafe(FIXED_BYTES + 2 + held.token.length + held.fingerprint.length);
  bytes[0] = VERSION;
  bytes[1] = STATES.indexOf(held.state);
  bytes.writeUInt32BE(held.attempt, 2);
  bytes.writeDoubleBE(held.fence, 6);
  bytes.writeDoubleBE(held.leaseEndsMs, 14);
  bytes.writeDoubleBE(held.expiresMs, 22);
  writeText(bytes, writeText(bytes, FIXED_BYTES, held.token), held.fingerprint);
  return bytes;
}

/**
 * Reads a record out of its envelope.
 *
 * @throws OnceoverError `record-unreadable` where the envelope is not one that this version writes
 */
export function decodeHeld(key: StoreKey, bytes: Buffer): HeldRecord {
  const state = STATES[bytes[1] ?? -1];
  const tokenEnd = textEnd(bytes, FIXED_BYTES);
  const whole = bytes.length > FIXED_BYTES && textEnd(bytes, tokenEnd) === bytes.length;
  if (bytes[0] !== VERSION || state === undefined || !whole) throw unreadable(key, bytes);
  return {
    state,
    token: bytes.toString("latin1", FIXED_BYTES + 1, tokenEnd) as OwnerToken,
    fingerprint: bytes.toString("latin1", tokenEnd + 1) as Fingerprint,
    attempt: bytes.readUInt32BE(2),
    fence: bytes.readDoubleBE(6),
    leaseEndsMs: bytes.readDoubleBE(14),
    expiresMs: bytes.readDoubleBE(22),
  };
}

function writeText(bytes: Buffer, at: number, text: string): number {
  bytes[at] = text.length;
  bytes.write(text, at + 1, "latin1");
  return at + 1 + text.length;
}

/** Where the text that begins at `at` with its length ends. */
function textEnd(bytes: Buffer, at: number): number {
  return at + 1 + (bytes[at] ?? 0);
}

function unreadable(key: StoreKey, bytes: Buffer): OnceoverError {
  const found = bytes.length === 0 ? "an empty envelope" : `envelope version ${bytes[0]}, ${bytes.length} bytes`;
  return new OnceoverError("record-unreadable", `record ${key} cannot be read: ${found}; this is version ${VERSION}`);
}
