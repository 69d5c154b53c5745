import { createKeyRing, type KeyRing, type KeyRules } from "./key-ring.js";

/** A key, and the name by which records say that they were encrypted with it. */
export interface EncryptionKey {
  /** Stands in every record in the clear: 1 to 32 characters of `[0-9A-Za-z._-]`. An id is never given to another key. */
  readonly id: string;
  /** 32 random bytes: as they are, or in base64 as `openssl rand -base64 32` prints them. */
  readonly key: Uint8Array | string;
}

const RULES: KeyRules = {
  member: "key",
  // Of no character that could need escaping anywhere; a key of 32 bytes has no text as short.
  id: /^[0-9A-Za-z._-]{1,32}$/,
  idWords: "[0-9A-Za-z._-]",
  holds: (lengthBytes) => lengthBytes === 32,
  bytesWords: "32 bytes",
  importKey: (bytes) => crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]),
};

/**
 * Checks the keys that records are encrypted with, and takes them over.
 * @throws {TypeError} that names the option, its rule and what kind of value was given; never a byte of a key.
 */
export function encryptionKeyRing(keys: unknown): KeyRing {
  return createKeyRing(keys, RULES);
}
