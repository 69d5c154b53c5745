import type { OwnerToken } from "./store.js";

/** A value that is there already, or will be. Awaited only where it is a promise: a needless await costs a turn. */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with a value: at once where it is there, otherwise when it is. */
export function after<T, U>(value: MaybePromise<T>, go: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isThenable(value) ? Promise.resolve(value).then(go) : go(value);
}

/** The application's own functions may return promises of any make. */
function isThenable<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | null | undefined)?.then === "function";
}

/** All that core needs of the runtime it is in. Tests and the explorer bring their own. */
export interface Platform {
  /** Milliseconds that only grow, from any origin: what leases and waits are measured by. */
  monotonicMs(): number;
  /** Milliseconds since 1970: only written down, never compared with another clock. */
  epochMs(): number;
  /** Calls `then` once after `ms`, unless the returned function is called first. Never keeps a process alive. */
  timer(ms: number, then: () => void): () => void;
  /** A new, unguessable owner token. */
  token(): OwnerToken;
  /** SHA-256 as 43 characters of base64url; at once where the runtime can. A string is hashed as UTF-8. */
  sha256(input: string | Uint8Array): MaybePromise<string>;
}

/** Longest delay a JavaScript timer can take; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The runtime core finds itself in: Web APIs, and Node's synchronous hashing where there is a Node. */
export const runtime: Platform = {
  monotonicMs: () => performance.now(),
  epochMs: () => Date.now(),
  timer(ms, then) {
    const timer: unknown = setTimeout(then, Math.min(ms, LONGEST_TIMER_MS));
    if (hasUnref(timer)) timer.unref();
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
  },
  token: () => crypto.randomUUID() as OwnerToken,
  sha256: nodeSha256() ?? webSha256,
};

function hasUnref(timer: unknown): timer is { unref(): void } {
  return typeof timer === "object" && timer !== null && "unref" in timer;
}

type OneShotHash = (algorithm: "sha256", input: string | Uint8Array, encoding: "base64url") => string;

/**
 * Node's one-shot hash, ten to thirty times as fast as WebCrypto on a kilobyte. Asked of the process and not
 * imported, so that bundlers for the edge find no Node built-in in core.
 */
function nodeSha256(): Platform["sha256"] | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } };
  const found = process?.getBuiltinModule?.("node:crypto") as { hash?: OneShotHash } | undefined;
  const hash = found?.hash;
  return typeof hash === "function" ? (input) => hash("sha256", input, "base64url") : undefined;
}

async function webSha256(input: string | Uint8Array): Promise<string> {
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace("=", "");
}
