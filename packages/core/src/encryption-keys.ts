/** A key, and the name by which records say that they were encrypted with it. */
export interface EncryptionKey {
  /** Stands in every record in the clear: 1 to 32 characters of `[0-9A-Za-z._-]`. An id is never given to another key. */
  readonly id: string;
  /** 32 random bytes: as they are, or in base64 as `openssl rand -base64 32` prints them. */
  readonly key: Uint8Array | string;
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
export interface KeyRing {
  /** The one that encrypts. */
  readonly first: RingKey;
  /** The one that decrypts what `id` encrypted. */
  get(id: string): RingKey | undefined;
}

/** Of no character that could need escaping anywhere; a key of 32 bytes has no text as short. */
const ID = /^[0-9A-Za-z._-]{1,32}$/;
/** 32 bytes in base64: 43 characters, of which the last one has only four bits, and one `=`. */
const BASE64 = /^[0-9A-Za-z+/]{42}[AEIMQUYcgkosw048]=$/;
const KEY_BYTES = 32;

/**
 * Checks keys and takes them over.
 * @throws TypeError that names the option, its rule and what kind of value was given; never a byte of a key.
 */
export function keyRing(keys: readonly EncryptionKey[]): KeyRing {
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new TypeError(`keys must be a list of at least one key, got ${kindOf(keys)}`);
  }
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

function checked(option: string, candidate: Partial<EncryptionKey> | undefined): RingKey {
  const { id, key } = candidate ?? {};
  // Not shown: whoever mixes up the two has put the key here.
  if (typeof id !== "string" || !ID.test(id)) {
    throw new TypeError(`${option}.id must be 1 to 32 characters of [0-9A-Za-z._-], got ${kindOf(id)}`);
  }
  const bytes = bytesOf(key);
  if (bytes === undefined) {
    throw new TypeError(`${option}.key must be 32 bytes, in a Uint8Array or in base64, got ${kindOf(key)}`);
  }
  return ringKeyOf(id, bytes);
}

/** A copy, since the caller may wipe his. */
function bytesOf(key: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (key instanceof Uint8Array) return key.length === KEY_BYTES ? new Uint8Array(key) : undefined;
  if (typeof key !== "string" || !BASE64.test(key)) return undefined;
  return Uint8Array.from(atob(key), (character) => character.charCodeAt(0));
}

function ringKeyOf(id: string, bytes: Uint8Array<ArrayBuffer>): RingKey {
  let imported: CryptoKey | undefined;
  return {
    id,
    async cryptoKey() {
      imported ??= await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
      return imported;
    },
  };
}

/** What a value is, without what is in it. */
export function kindOf(value: unknown): string {
  if (typeof value === "string") return `a text of ${value.length} characters`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value === undefined || value === null ? String(value) : `a value of type ${typeof value}`;
}
