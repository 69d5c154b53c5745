/** Keys under ids: the first one is used, all of them count. Checked once, never shown, imported when they are needed. */

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
  /** The one that encrypts, or signs. */
  readonly first: RingKey;
  /** The one that did so under this id. */
  get(id: string): RingKey | undefined;
}

/** What the keys of a ring must be, and what for. */
export interface KeyRules {
  /** What the member with the bytes is called. */
  readonly member: "key" | "secret";
  readonly id: RegExp;
  /** The characters of an id, for the message. */
  readonly idWords: string;
  holds(lengthBytes: number): boolean;
  /** How many bytes that is, for the message. */
  readonly bytesWords: string;
  importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey>;
}

/** In fours, with padding and without bits to spare. */
const BASE64 = /^(?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}[AEIMQUYcgkosw048]=|[0-9A-Za-z+/][AQgw]==)?$/;

/**
 * Checks keys and takes them over.
 * @throws {TypeError} that names the option, its rule and what kind of value was given; never a byte of a key.
 */
export function createKeyRing(keys: unknown, rules: KeyRules): KeyRing {
  if (!Array.isArray(keys)) throw noKeys(keys);
  const ring = new Map<string, RingKey>();
  for (const [index, candidate] of keys.entries()) {
    const option = `keys[${index}]`;
    const ringKey = checked(option, Object(candidate), rules);
    if (ring.has(ringKey.id)) throw new TypeError(`${option}.id must be of its own, got that of another key`);
    ring.set(ringKey.id, ringKey);
  }
  const [first] = ring.values();
  if (first === undefined) throw noKeys(keys);
  return { first, get: (id) => ring.get(id) };
}

function noKeys(keys: unknown): TypeError {
  return new TypeError(`keys must be a list of at least one key, got ${kindOf(keys)}`);
}

function checked(option: string, candidate: Readonly<Record<string, unknown>>, rules: KeyRules): RingKey {
  const { id, [rules.member]: given } = candidate;
  // Not shown: whoever mixes up the two has put the key here.
  if (typeof id !== "string" || !rules.id.test(id)) {
    throw new TypeError(`${option}.id must be 1 to 32 characters of ${rules.idWords}, got ${kindOf(id)}`);
  }
  const bytes = bytesOf(given);
  if (bytes === undefined || !rules.holds(bytes.length)) {
    const words = `${option}.${rules.member} must be ${rules.bytesWords}, in a Uint8Array or in base64`;
    throw new TypeError(`${words}, got ${kindOf(given)}`);
  }
  return ringKeyOf(id, bytes, rules);
}

/** A copy, since the caller may wipe his. */
function bytesOf(given: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (given instanceof Uint8Array) return new Uint8Array(given);
  if (typeof given !== "string" || !BASE64.test(given)) return undefined;
  return Uint8Array.from(atob(given), (character) => character.charCodeAt(0));
}

function ringKeyOf(id: string, bytes: Uint8Array<ArrayBuffer>, { importKey }: KeyRules): RingKey {
  let imported: CryptoKey | undefined;
  return {
    id,
    async cryptoKey() {
      imported ??= await importKey(bytes);
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
