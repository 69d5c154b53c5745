/**
 * What the scripts answer, read from its bytes. Web APIs only: whoever speaks to Redis by whatever client hands in the
 * bytes of a reply.
 */
import { type Acquired, type Fingerprint, type Found, OnceoverError, type Written } from "@onceover/core";
import { unreadable } from "./failure.js";

/** The server's clock said that nobody waits for this acquire any more; nothing was written. */
export interface TooLate {
  readonly outcome: "too-late";
  readonly serverMs: number;
}

/** What the acquire script answered; `serverMs` is the server's clock while it ran. */
export type AcquireReply =
  | { readonly outcome: "found"; readonly found: Acquired; readonly serverMs?: number }
  | TooLate;

/** What the record looks like to somebody who does not own it. */
export type Described = Exclude<Found, { outcome: "none" }>;

const BAR = 0x7c;
const ONE = 0x31;
const FIELDS_BEFORE_RECORD = 7;
/** No field is longer than a fingerprint, and there are seven at most. */
const LONGEST_FIELDS_BYTES = 512;

export function decodeAcquire(bytes: Uint8Array): AcquireReply {
  const [letter, first, second, third] = fieldsOf(bytes);
  if (letter === "L") return { outcome: "too-late", serverMs: numberOf(first) };
  if (letter !== "A") return { outcome: "found", found: describe(bytes) };
  const found = { outcome: "acquired", fence: numberOf(first), attempt: numberOf(second) } as const;
  return { outcome: "found", found, serverMs: numberOf(third) };
}

export function decodeFound(bytes: Uint8Array): Found {
  return wordOf(bytes) === "N" ? { outcome: "none" } : describe(bytes);
}

export function decodeWritten(bytes: Uint8Array): Written {
  const word = wordOf(bytes);
  if (word === "O") return "ok";
  if (word === "S") return "stale";
  throw unexpected(word);
}

export function decodeForgotten(bytes: Uint8Array): "ok" | "none" {
  const word = wordOf(bytes);
  if (word === "O") return "ok";
  if (word === "N") return "none";
  throw unexpected(word);
}

/** The three numbers of the probe script; a key without a time to live has a negative one. */
export function decodeProbe(bytes: Uint8Array): { ttlMs: number; keptTtlMs: number; serverMs: number } {
  const [letter = "", ttl, kept, now] = fieldsOf(bytes);
  if (letter !== "P") throw unexpected(letter);
  return { ttlMs: numberOf(ttl), keptTtlMs: numberOf(kept), serverMs: numberOf(now) };
}

function describe(bytes: Uint8Array): Described {
  const [letter = "", first, second, third, fourth] = fieldsOf(bytes);
  switch (letter) {
    case "R":
      return { outcome: "running", leaseLeftMs: numberOf(first), fingerprint: second as Fingerprint };
    case "U":
      return {
        outcome: "unknown",
        sinceMs: numberOf(first),
        fence: numberOf(second),
        attempt: numberOf(third),
        fingerprint: fourth as Fingerprint,
      };
    case "1":
      if (first !== "D") throw unexpected(letter);
      return { outcome: "done", record: recordOf(bytes) };
    default:
      throw unexpected(letter);
  }
}

/** A copy: the reply is a view of what came from the socket, and would keep all of that in memory. */
function recordOf(envelope: Uint8Array): Uint8Array {
  let start = 0;
  for (let field = 0; field < FIELDS_BEFORE_RECORD; field++) {
    const bar = envelope.indexOf(BAR, start);
    if (bar < 0) throw unexpected("1");
    start = bar + 1;
  }
  return new Uint8Array(envelope.subarray(start));
}

/** The fields of a short reply; of a record, whose body has no fields, only `1` and its state. */
function fieldsOf(bytes: Uint8Array): string[] {
  return wordOf(bytes[0] === ONE ? bytes.subarray(0, 3) : bytes).split("|");
}

/**
 * The whole of a short reply. It is never judged by its first letter alone: a client may answer with words of its own,
 * such as the reason for which a request was aborted.
 */
function wordOf(bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, null, bytes.subarray(0, LONGEST_FIELDS_BYTES));
}

function numberOf(field: string | undefined): number {
  if (field === undefined || !/^-?\d+$/.test(field)) throw unexpected("");
  return Number(field);
}

function unexpected(word: string): OnceoverError {
  if (word === "X") return unreadable();
  return new OnceoverError("store-unavailable", "Redis answered with something that no script of ours answers");
}
