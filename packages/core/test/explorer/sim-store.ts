/**
 * A store as the contract says it, on immutable records: each verb is a pure function of the record it finds and the
 * time, so that a snapshot is the list of records, and a planted bug is one verb in place of another.
 */

import type {
  Acquired,
  AcquireRequest,
  Fingerprint,
  Found,
  OwnerToken,
  UnknownRecord,
  Written,
} from "../../src/index.js";

/** One record. */
export interface SimRecord {
  readonly state: "running" | "done" | "abandoned";
  readonly token: OwnerToken;
  readonly fingerprint: Fingerprint;
  readonly fence: number;
  readonly attempt: number;
  readonly leaseEndsMs: number;
  readonly expiresMs: number;
  readonly record: Uint8Array;
}

/** A record, or that there is none. */
export type Maybe = SimRecord | undefined;

/** What a verb answers, and the record that stands after it. */
export interface Step<Answer> {
  readonly answer: Answer;
  readonly after: Maybe;
}

/** When a verb is applied: by the store's clock, and by the clock of the process that called. */
export interface At {
  readonly storeMs: number;
  readonly callerMs: number;
}

/** The verbs that core calls. */
export interface StoreRules {
  acquire(found: Maybe, request: AcquireRequest, at: At): Step<Acquired>;
  renew(found: Maybe, token: OwnerToken, leaseMs: number, at: At): Step<Written>;
  complete(found: Maybe, token: OwnerToken, record: Uint8Array, retentionMs: number, at: At): Step<Written>;
  abandon(found: Maybe, token: OwnerToken, at: At): Step<Written>;
  read(found: Maybe, at: At): Step<Found>;
}

const EMPTY = new Uint8Array(0);

/** The contract. */
export const CONTRACT: StoreRules = {
  acquire(stored, request, { storeMs }) {
    const found = live(stored, storeMs);
    if (found === undefined || found.state === "abandoned") return claim(found, request, storeMs);
    if (found.state === "done") return { answer: { outcome: "done", record: found.record }, after: found };
    if (found.token === request.token) return own(found, request, storeMs);
    if (mayTakeOver(found, request, storeMs)) return claim(found, request, storeMs);
    return { answer: look(found, storeMs), after: found };
  },
  renew(stored, token, leaseMs, { storeMs }) {
    const found = live(stored, storeMs);
    if (found?.state !== "running" || found.token !== token) return stale(found);
    return ok({ ...found, leaseEndsMs: storeMs + leaseMs });
  },
  complete(stored, token, record, retentionMs, { storeMs }) {
    const found = live(stored, storeMs);
    if (found === undefined || found.token !== token || found.state === "abandoned") return stale(found);
    if (found.state === "done") return ok(found);
    return ok({ ...found, state: "done", record, expiresMs: storeMs + retentionMs });
  },
  abandon(stored, token, { storeMs }) {
    const found = live(stored, storeMs);
    if (found === undefined || found.token !== token || found.state === "done") return stale(found);
    return ok({ ...found, state: "abandoned" });
  },
  read(stored, { storeMs }) {
    const found = live(stored, storeMs);
    if (found === undefined || found.state === "abandoned") return { answer: { outcome: "none" }, after: found };
    if (found.state === "done") return { answer: { outcome: "done", record: found.record }, after: found };
    return { answer: look(found, storeMs), after: found };
  },
};

/** The record, unless its retention has ended. */
export function live(found: Maybe, storeMs: number): Maybe {
  return found === undefined || found.expiresMs <= storeMs ? undefined : found;
}

/** A new run, after whatever was there. */
export function claim(found: Maybe, request: AcquireRequest, storeMs: number): Step<Acquired> {
  const { token, fingerprint, leaseMs, retentionMs } = request;
  const fence = Math.max((found?.fence ?? 0) + 1, storeMs);
  const attempt = (found?.attempt ?? 0) + 1;
  const times = { leaseEndsMs: storeMs + leaseMs, expiresMs: storeMs + retentionMs };
  return {
    answer: { outcome: "acquired", fence, attempt },
    after: { state: "running", token, fingerprint, fence, attempt, ...times, record: EMPTY },
  };
}

/** The lease of a run that is asked for by its owner again. */
export function own(found: SimRecord, { leaseMs, retentionMs }: AcquireRequest, storeMs: number): Step<Acquired> {
  const { fence, attempt } = found;
  return {
    answer: { outcome: "acquired", fence, attempt },
    after: { ...found, leaseEndsMs: storeMs + leaseMs, expiresMs: storeMs + retentionMs },
  };
}

/** A run of somebody else, by its lease. */
export function look(found: SimRecord, storeMs: number): UnknownRecord | Extract<Acquired, { outcome: "running" }> {
  const { fingerprint, fence, attempt, leaseEndsMs } = found;
  const leaseLeftMs = leaseEndsMs - storeMs;
  if (leaseLeftMs > 0) return { outcome: "running", fingerprint, leaseLeftMs };
  return { outcome: "unknown", fingerprint, fence, attempt, sinceMs: -leaseLeftMs };
}

/** Whether the record is a run whose lease has ended. */
export function isUnknown(found: Maybe, storeMs: number): found is SimRecord {
  return live(found, storeMs)?.state === "running" && (found?.leaseEndsMs ?? 0) <= storeMs;
}

function mayTakeOver(found: SimRecord, { fingerprint, takeOver }: AcquireRequest, storeMs: number): boolean {
  const agreed = takeOver === true || takeOver === found.fence;
  return agreed && fingerprint === found.fingerprint && isUnknown(found, storeMs);
}

/** The verb's write was made. */
export function ok(after: Maybe): Step<Written> {
  return { answer: "ok", after };
}

/** The record is not the caller's. */
export function stale(after: Maybe): Step<Written> {
  return { answer: "stale", after };
}
