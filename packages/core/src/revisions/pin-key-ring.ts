import { createKeyRing, type KeyRing, type KeyRules } from "../key-ring.js";
import { KEY_ID } from "./pin-token.js";

/** A key, and the name by which tokens say that they were signed with it. */
export interface PinKey {
  /** Stands in every token in the clear: 1 to 32 characters of `[0-9A-Za-z_-]`. An id is never given to another key. */
  readonly id: string;
  /** At least 32 random bytes: as they are, or in base64 as `openssl rand -base64 32` prints them. */
  readonly secret: Uint8Array | string;
}

const RULES: KeyRules = {
  member: "secret",
  id: KEY_ID,
  idWords: "[0-9A-Za-z_-]",
  holds: (lengthBytes) => lengthBytes >= 32,
  bytesWords: "at least 32 bytes",
  importKey: (bytes) =>
    crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]),
};

/**
 * Checks the keys that pins are signed with, and takes them over.
 * @throws {TypeError} that names the option, its rule and what kind of value was given; never a byte of a secret.
 */
export function pinKeyRing(keys: unknown): KeyRing {
  return createKeyRing(keys, RULES);
}
