import { after, type MaybePromise, type Platform } from "./platform.js";
import type { ScopeDigest, StoreKey } from "./store.js";
import { isWellFormed } from "./well-formed.js";

/**
 * Says that every caller of the service shares one space of keys: whoever sends a key that was used before is
 * given the answer that was made for somebody else. Right only where there is one caller, such as one webhook source.
 */
export const SHARED_SCOPE: unique symbol = Symbol("onceover.SHARED_SCOPE");

/** Whom an idempotency key is unique within: one name, or several (tenant, user). Nothing and the empty string are refused. */
export type ScopeValue = string | readonly string[] | null | undefined;

/** Names the caller of a request, from what authentication found out; never from something the client can choose freely. */
export type ScopeFunction<Request> = (request: Request) => MaybePromise<ScopeValue>;

/** Makes sure that a scope names somebody; `undefined` where it does not. Half characters would let two callers share a scope. */
export function scopeParts(value: ScopeValue): readonly string[] | undefined {
  const parts = typeof value === "string" ? [value] : value;
  if (!Array.isArray(parts) || parts.length === 0) return undefined;
  return parts.every((part) => typeof part === "string" && part !== "" && isWellFormed(part)) ? parts : undefined;
}

/** Digests service, scope and key into the name of a record, which begins with the digest of service and scope alone. */
export function storeKey(
  sha256: Platform["sha256"],
  service: string,
  scope: readonly string[],
  key: string,
): MaybePromise<StoreKey> {
  // Both are begun before either is awaited: a web platform hashes elsewhere.
  const digest = sha256(joined("onceover-key-2", service, scope, key));
  return after(scopeDigest(sha256, service, scope), (begins) =>
    after(digest, (whole) => `${begins}${whole.slice(SCOPE_CHARS)}` as StoreKey),
  );
}

/** Digests service and scope into what the names of all their records begin with. */
export function scopeDigest(
  sha256: Platform["sha256"],
  service: string,
  scope: readonly string[],
): MaybePromise<ScopeDigest> {
  return after(
    sha256(joined("onceover-scope-1", service, scope)),
    (whole) => whole.slice(0, SCOPE_CHARS) as ScopeDigest,
  );
}

/** 96 bits: a scope that shares them with another one is not to be found; 162 bits are left for the key. */
const SCOPE_CHARS = 16;

/** What a store key has beside the digest of its scope: of this much, nobody can tell that two belong to one caller. */
export function keyPart(key: string): string {
  return key.slice(SCOPE_CHARS);
}

/** Each part stands behind its length, so that none can spill into the next. */
function joined(kind: string, service: string, scope: readonly string[], ...key: readonly string[]): string {
  return [kind, service, String(scope.length), ...scope, ...key].map(lengthPrefixed).join("");
}

/** `4:name`: a text that says where it ends. */
export function lengthPrefixed(text: string): string {
  return `${text.length}:${text}`;
}
