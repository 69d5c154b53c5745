import { canonicalJson } from "../canonical-json.js";
import { show } from "../show.js";
import { isWellFormed } from "../well-formed.js";

/** What an index was built from: all that, changed, would make its vectors or their order different ones. */
export interface IndexParts {
  /** The model that made the vectors, version and all: `"text-embedding-3-small@2024-01"`. */
  readonly model: string;
  /** Length of a vector. */
  readonly dimension: number;
  /** How two vectors are compared: `"cosine"`. */
  readonly metric: string;
  /** Which state of the texts was indexed: a number, a date, a commit. The number 7 and the text "7" are two. */
  readonly corpusRevision: string | number;
  readonly tokenizer?: unknown;
  /** How texts were cut: `{ size: 512, overlap: 64 }`. */
  readonly chunking?: unknown;
  /** What the store was told: `{ m: 16, efConstruction: 200 }`. */
  readonly storeParameters?: unknown;
  /** Further parts; any JSON. */
  readonly [part: string]: unknown;
}

/** Names the way the hash is made, so that another way will never give the same one. */
const PREFIX = "ix1-";
const HASH_BYTES = 16;
/** Deeper than any build is described, and shallow enough for every stack; what holds itself ends here. */
const MAX_DEPTH = 64;

const isText = (value: unknown) => typeof value === "string" && value !== "";

const REQUIRED = {
  model: [isText, "a text of at least one character"],
  dimension: [(value: unknown) => Number.isSafeInteger(value) && Number(value) > 0, "a positive whole number"],
  metric: [isText, "a text of at least one character"],
  corpusRevision: [(value: unknown) => isText(value) || Number.isFinite(value), "a text or a number"],
} as const;

/**
 * The `indexHash` of an index: `ix1-` and the first 128 bits of the SHA-256 of its parts in canonical JSON (RFC 8785), in
 * lower-case hexadecimal. Neither the order of members nor the spelling of numbers matters; every part does, one that is
 * null, too. Its 36 characters need no quoting in a header or a cookie, and can be part of the name of an index or a
 * host, most of which allow neither capitals nor 64 characters.
 *
 * Rejects with a TypeError that names the part that is missing, or that JSON cannot say: `undefined`, `NaN`, a date.
 */
export async function indexHash(parts: IndexParts): Promise<string> {
  if (!isPlain(parts)) throw new TypeError(`indexHash must be given an object of parts, got ${show(parts)}`);
  for (const [part, [holds, words]] of Object.entries(REQUIRED)) {
    const value = Object.hasOwn(parts, part) ? parts[part] : undefined;
    if (!holds(value)) throw new TypeError(`${part} must be ${words}, got ${show(value)}`);
  }
  checkMembers("", parts, MAX_DEPTH);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonicalJson(parts)));
  return (
    PREFIX + Array.from(new Uint8Array(digest, 0, HASH_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join("")
  );
}

function checkMembers(path: string, object: object, depthLeft: number): void {
  for (const [name, value] of Object.entries(object)) {
    const member = path === "" ? name : `${path}.${name}`;
    if (!isWellFormed(name)) throw new TypeError(`${show(member)} must have a name without half characters`);
    checkJson(member, value, depthLeft);
  }
}

/** What JSON would leave out, or write as something else, could change without the hash changing. */
function checkJson(path: string, value: unknown, depthLeft: number): void {
  if (depthLeft === 0) throw new TypeError(`${path} must not be nested more than ${MAX_DEPTH} deep`);
  if (Array.isArray(value)) {
    // Not forEach, which passes over holes.
    for (const [at, item] of value.entries()) checkJson(`${path}[${at}]`, item, depthLeft - 1);
  } else if (isPlain(value)) {
    checkMembers(path, value, depthLeft - 1);
  } else if (!isScalar(value)) {
    throw new TypeError(`${path} must be JSON, got ${show(value)}`);
  }
}

function isScalar(value: unknown): boolean {
  if (typeof value === "string") return isWellFormed(value);
  return value === null || typeof value === "boolean" || Number.isFinite(value);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
