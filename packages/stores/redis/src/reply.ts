import { type Acquired, type Fingerprint, type Found, OnceoverError, type Written } from "@onceover/core";
import { unreadable } from "./errors.js";

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
const FIELDS_BEFORE_RECORD = 7;

export function decodeAcquire(reply: unknown): AcquireReply {
  const bytes = bytesOf(reply);
  const [letter, first = "", second, third] = fieldsOf(bytes);
  if (letter === "L") return { outcome: "too-late", serverMs: Number(first) };
  if (letter !== "A") return { outcome: "found", found: describe(bytes) };
  const found = { outcome: "acquired", fence: Number(first), attempt: Number(second) } as const;
  return { outcome: "found", found, serverMs: Number(third) };
}

export function decodeFound(reply: unknown): Found {
  const bytes = bytesOf(reply);
  return letterOf(bytes) === "N" ? { outcome: "none" } : describe(bytes);
}

export function decodeWritten(reply: unknown): Written {
  const letter = letterOf(bytesOf(reply));
  if (letter === "O") return "ok";
  if (letter === "S") return "stale";
  throw unexpected(letter);
}

export function decodeForgotten(reply: unknown): "ok" | "none" {
  const letter = letterOf(bytesOf(reply));
  if (letter === "O") return "ok";
  if (letter === "N") return "none";
  throw unexpected(letter);
}

/** The three numbers of the probe script. */
export function decodeProbe(reply: unknown): { ttlMs: number; keptTtlMs: number; serverMs: number } {
  const [letter = "", ttl, kept, now] = fieldsOf(bytesOf(reply));
  if (letter !== "P") throw unexpected(letter);
  return { ttlMs: Number(ttl), keptTtlMs: Number(kept), serverMs: Number(now) };
}

function describe(bytes: Buffer): Described {
  const [letter = "", first, second, third, fourth] = fieldsOf(bytes);
  switch (letter) {
    case "R":
      return { outcome: "running", leaseLeftMs: Number(first), fingerprint: second as Fingerprint };
    case "U":
      return {
        outcome: "unknown",
        sinceMs: Number(first),
        fence: Number(second),
        attempt: Number(third),
        fingerprint: fourth as Fingerprint,
      };
    case "1":
      return { outcome: "done", record: recordOf(bytes) };
    default:
      throw unexpected(letter);
  }
}

/** A copy: the reply is a view of what came from the socket, and would keep all of that in memory. */
function recordOf(envelope: Buffer): Uint8Array {
  let start = 0;
  for (let field = 0; field < FIELDS_BEFORE_RECORD; field++) start = envelope.indexOf(BAR, start) + 1;
  return new Uint8Array(envelope.subarray(start));
}

/** The fields of a short reply; of a done record only what stands in front, since its body has no fields. */
function fieldsOf(bytes: Buffer): string[] {
  if (letterOf(bytes) === "1") return ["1"];
  return bytes.toString("latin1").split("|");
}

function letterOf(bytes: Buffer): string {
  return String.fromCharCode(bytes[0] ?? 0);
}

function bytesOf(reply: unknown): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw new OnceoverError("store-unavailable", `Redis answered with ${typeof reply} where bytes were expected`);
}

function unexpected(letter: string): OnceoverError {
  if (letter === "X") return unreadable();
  return new OnceoverError("store-unavailable", "Redis answered with something that no script of ours answers");
}
