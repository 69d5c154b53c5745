import { check, type Rules } from "../check-options.js";
import type { RingKey } from "../key-ring.js";
import { isWellFormed } from "../well-formed.js";
import { type PinKey, pinKeyRing } from "./pin-key-ring.js";
import type { PinKeys, PinVerified } from "./pin-keys.js";
import {
  AUDIENCE_BYTES,
  isRevision,
  MAX_TOKEN_CHARS,
  type ReadToken,
  readToken,
  signedBytes,
  signedText,
  tokenOf,
} from "./pin-token.js";

/** Options of `createPinKeys`. */
export interface PinKeysOptions {
  /** The service whose revisions are pinned: pins of another one are refused, whatever keys the two share. */
  readonly service: string;
  /**
   * At least one key. The first signs and all verify: to rotate, add the new key behind the others everywhere, then move it
   * to the front everywhere, and drop an old one when the last pin it signed has expired.
   */
  readonly keys: readonly PinKey[];
}

type Pin = Extract<PinVerified, { readonly outcome: "pin" }>;
type Refused = Extract<PinVerified, { readonly outcome: "refused" }>;

/** How many tokens a process remembers to have verified. */
const MAX_REMEMBERED = 1000;

const isWhole = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;

/** Of `keys` the ring takes care, which shows nothing of a key. */
const RULES: Rules = {
  service: [
    (value) => typeof value === "string" && value !== "" && value.length <= 255 && isWellFormed(value),
    "must be a name of 1 to 255 characters",
  ],
  keys: [() => true, "must be a list of keys"],
};

const CLAIM_RULES: Rules = {
  kind: [(value) => value === "pin" || value === "override", 'must be "pin" or "override"'],
  revision: [isRevision, "must be a text of 1 to 255 characters"],
  epoch: [isWhole, "must be a whole number"],
  expiresAtMs: [isWhole, "must be a whole number of epoch milliseconds"],
};

const MALFORMED = refused("malformed");
const UNKNOWN_KEY = refused("unknown-key");
const FORGED = refused("forged");
const AUDIENCE = refused("audience");
const EXPIRED = refused("expired");

/**
 * A ring of keys that signs revision pins and verifies them, by HMAC-SHA-256.
 *
 * A pin has expired at the very millisecond it names, by the clock of whoever verifies it: nothing is added for clocks that
 * differ. Up to 1,000 tokens that were verified are remembered, and cost no cryptography when they come again; whether they
 * have expired is asked each time. `sign` rejects with a TypeError that names what is wrong with a claim.
 *
 * @throws {TypeError} when an option breaks its rule; it shows no byte of a secret
 */
export function createPinKeys(options: PinKeysOptions): PinKeys {
  check("createPinKeys", RULES, options, ["service", "keys"]);
  const { service } = options;
  const ring = pinKeyRing(options.keys);
  const remembered = createMemory();
  let digest: Uint8Array | undefined;

  /** The bytes are kept and not the promise, which on Workers dies with the request that made it. */
  async function audience(): Promise<Uint8Array> {
    digest ??= await audienceOf(service);
    return digest;
  }

  async function verifySigned(read: ReadToken, key: RingKey, nowMs: number): Promise<PinVerified> {
    if (!(await crypto.subtle.verify("HMAC", await key.cryptoKey(), read.tag, read.signed))) return FORGED;
    if (!areEqual(read.audience, await audience())) return AUDIENCE;
    return judged(remembered.add(read.text, read.claims), nowMs);
  }

  return {
    async sign(claims) {
      check("sign", CLAIM_RULES, claims, Object.keys(CLAIM_RULES));
      const signed = signedText({ keyId: ring.first.id, audience: await audience(), claims });
      const tag = await crypto.subtle.sign("HMAC", await ring.first.cryptoKey(), signedBytes(signed));
      return tokenOf(signed, new Uint8Array(tag));
    },
    verify(token: unknown, nowMs) {
      if (typeof token !== "string" || token.length > MAX_TOKEN_CHARS) return MALFORMED;
      const pin = remembered.get(token);
      if (pin !== undefined) return judged(pin, nowMs);
      const read = readToken(token);
      if (read === undefined) return MALFORMED;
      const key = ring.get(read.keyId);
      return key === undefined ? UNKNOWN_KEY : verifySigned(read, key, nowMs);
    },
  };
}

interface Remembered {
  readonly text: string;
  readonly pin: Pin;
  /** Its number among all that were ever put here. */
  readonly putAt: number;
}

interface Memory {
  get(token: string): Pin | undefined;
  add(text: string, claims: Pin["claims"]): Pin;
}

/** What has verified, by the whole token: whoever finds something here holds a token that is as good. */
function createMemory(): Memory {
  /** In the order in which they were put here last: a Map keeps the order of insertion. */
  const pins = new Map<string, Remembered>();
  let puts = 0;

  function put(text: string, pin: Pin): void {
    pins.delete(text);
    pins.set(text, { text, pin, putAt: ++puts });
  }

  return {
    get(token) {
      const found = pins.get(token);
      if (found === undefined) return undefined;
      // Putting it behind the others takes a hundred times as long as finding it; one of the newer half has time.
      if (puts - found.putAt >= MAX_REMEMBERED / 2) put(found.text, found.pin);
      return found.pin;
    },
    add(text, claims) {
      const [oldest] = pins.size < MAX_REMEMBERED ? [] : pins.keys();
      if (oldest !== undefined) pins.delete(oldest);
      const pin: Pin = Object.freeze({ outcome: "pin", claims });
      put(text, pin);
      return pin;
    },
  };
}

/** Where the time is not known, nothing holds any more. */
function judged(pin: Pin, nowMs: number): PinVerified {
  return Number.isFinite(nowMs) && nowMs < pin.claims.expiresAtMs ? pin : EXPIRED;
}

function refused(why: Refused["why"]): Refused {
  return Object.freeze({ outcome: "refused", why });
}

async function audienceOf(service: string): Promise<Uint8Array> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(service));
  return new Uint8Array(digest, 0, AUDIENCE_BYTES);
}

/** Of what anybody can read in a token, and compute. */
function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
