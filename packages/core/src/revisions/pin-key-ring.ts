import { kindOf } from "../encryption-keys.js";
import { KEY_ID } from "./pin-token.js";

/** A key, and the name by which tokens say that they were signed with it. */
export interface PinKey {
  /** Stands in every token in the clear: 1 to 32 characters of `[0-9A-Za-z_-]`. An id is never given to another key. */
  readonly id: string;
  /** At least 32 random bytes: as they are, or in base64 as `openssl rand -base64 32` prints them. */
  readonly secret: Uint8Array | string;
}

/** A key as WebCrypto has it; the type has no name where there is no DOM. */
type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A key that can be used. */
export interface RingKey {
  readonly id: string;
  /** The same object every time but the first: a promise is never kept, because on Workers it dies with its request. */
  cryptoKey(): Promise<CryptoKey>;
}

/** The keys at hand. */
export interface PinKeyRing {
  /** The one that signs. */
  readonly first: RingKey;
  /** The one that signed under this id. */
  get(id: string): RingKey | undefined;
}

/** In fours, with padding and without bits to spare. */
const BASE64 = /^(?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}[AEIMQUYcgkosw048]=|[0-9A-Za-z+/][AQgw]==)?$/;
const LEAST_BYTES = 32;

/**
 * Checks keys and takes them over.
 * @throws {TypeError} that names the option, its rule and what kind of value was given; never a byte of a secret.
 */
export function pinKeyRing(keys: unknown): PinKeyRing {
  if (!Array.isArray(keys)) throw new TypeError(`keys must be a list of at least one key, got ${kindOf(keys)}`);
  const ring = new Map<string, RingKey>();
  for (const [index, candidate] of keys.entries()) {
    const option = `keys[${index}]`;
    const ringKey = checked(option, candidate);
    if (ring.has(ringKey.id)) throw new TypeError(`${option}.id must be of its own, got that of another key`);
    ring.set(ringKey.id, ringKey);
  }
  const [first] = ring.values();
  if (first === undefined) throw new TypeError("keys must be a list of at least one key, got an empty one");
  return { first, get: (id) => ring.get(id) };
}

function checked(option: string, candidate: Partial<PinKey> | null | undefined): RingKey {
  const { id, secret } = candidate ?? {};
  // Not shown: whoever mixes up the two has put the secret here.
  if (typeof id !== "string" || !KEY_ID.test(id)) {
    throw new TypeError(`${option}.id must be 1 to 32 characters of [0-9A-Za-z_-], got ${kindOf(id)}`);
  }
  const bytes = bytesOf(secret);
  if (bytes === undefined || bytes.length < LEAST_BYTES) {
    throw new TypeError(
      `${option}.secret must be at least 32 bytes, in a Uint8Array or in base64, got ${kindOf(bytes ?? secret)}`,
    );
  }
  return ringKeyOf(id, bytes);
}

/** A copy, since the caller may wipe his. */
function bytesOf(secret: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (secret instanceof Uint8Array) return new Uint8Array(secret);
  if (typeof secret !== "string" || !BASE64.test(secret)) return undefined;
  return Uint8Array.from(atob(secret), (character) => character.charCodeAt(0));
}

function ringKeyOf(id: string, bytes: Uint8Array<ArrayBuffer>): RingKey {
  let imported: CryptoKey | undefined;
  return {
    id,
    async cryptoKey() {
      const algorithm = { name: "HMAC", hash: "SHA-256" };
      imported ??= await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]);
      return imported;
    },
  };
}
