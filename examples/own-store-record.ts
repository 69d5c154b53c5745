/** A record, and what each verb makes of it: nothing is awaited, the clock comes in as `now`. */
import { type Acquired, type AcquireRequest, type Found, OnceoverError, type OwnerToken } from "@onceover/core";

/** One record. */
export type Held = Pick<AcquireRequest, "token" | "fingerprint"> & {
  readonly layout: 1;
  readonly state: "running" | "done" | "abandoned";
  readonly fence: number;
  readonly attempt: number;
  readonly leaseEndsMs: number;
  readonly expiresMs: number;
  readonly record?: string;
};

/** What a verb answers, and what it writes, if anything. */
export type Step<T> = readonly [answer: T, write?: Held];

/** Whose the key is now: somebody else's who is running or done, or that of whoever asks. */
export function acquireStep(held: Held | undefined, request: AcquireRequest, now: number): Step<Acquired> {
  const { token, fingerprint, leaseMs, retentionMs, takeOver } = request;
  const terms = { leaseEndsMs: now + leaseMs, expiresMs: now + retentionMs };
  const isOwn = held?.state === "running" && held.token === token;
  const found = look(held, now);
  if (!isOwn && found.outcome !== "none") {
    const isUnknown = found.outcome === "unknown" && found.fingerprint === fingerprint;
    if (!isUnknown || (takeOver !== true && takeOver !== found.fence)) return [found];
  }
  const { fence, attempt } = held ?? { fence: 0, attempt: 0 };
  const run = { layout: 1, state: "running", token, fingerprint, ...terms } as const;
  const owned = isOwn ? { fence, attempt } : { fence: Math.max(fence + 1, Math.floor(now)), attempt: attempt + 1 };
  return [
    { outcome: "acquired", ...owned },
    { ...run, ...owned },
  ];
}

/** What the record is to somebody who does not own it. */
export function look(held: Held | undefined, now: number): Found {
  if (held === undefined || held.state === "abandoned") return { outcome: "none" };
  const { state, fingerprint, fence, attempt, leaseEndsMs, record = "" } = held;
  if (state === "done") return { outcome: "done", record: new Uint8Array(Buffer.from(record, "base64")) };
  if (leaseEndsMs > now) return { outcome: "running", fingerprint, leaseLeftMs: leaseEndsMs - now };
  return { outcome: "unknown", fingerprint, fence, attempt, sinceMs: now - leaseEndsMs };
}

/** Past its retention a record is no more than the fence it had. */
export function readable(value: string, now: number): Held {
  const held: Held = JSON.parse(value);
  if (held.layout !== 1) throw new OnceoverError("record-unreadable", "the record has another layout");
  return held.expiresMs > now ? held : { ...held, state: "abandoned", token: "" as OwnerToken, attempt: 0 };
}
