/** The verbs as pure functions of what the object holds about a key: each says what to answer and what to write. */
import type { AcquireRequest, OwnerToken, Written } from "@onceover/core";
import type { HeldRecord } from "./record-table.js";
import type { ForeignRun } from "./replies.js";

/** What acquire does: write and own, answer with the record, or say who is there. */
export type AcquireStep =
  | { readonly step: "own"; readonly held: HeldRecord }
  | { readonly step: "replay" }
  | { readonly step: "refuse"; readonly found: ForeignRun };

/** What renew, complete and abandon do; without `held` nothing is written. */
export interface WriteStep {
  readonly answer: Written;
  readonly held?: HeldRecord;
}

const STALE: WriteStep = { answer: "stale" };
const OK_ALREADY: WriteStep = { answer: "ok" };

/** A record whose retention has ended is no record. */
export function isLive(held: HeldRecord | undefined, nowMs: number): held is HeldRecord {
  return held !== undefined && held.expiresMs > nowMs;
}

/** Decides one acquire. */
export function acquireStep(found: HeldRecord | undefined, request: AcquireRequest, nowMs: number): AcquireStep {
  const lastFence = found?.fence ?? 0;
  if (!isLive(found, nowMs)) return { step: "own", held: newRun(request, 1, lastFence, nowMs) };
  if (found.state === "done") return { step: "replay" };
  if (found.state === "running" && found.token === request.token) {
    return { step: "own", held: { ...found, ...newTerms(request, nowMs) } };
  }
  if (found.state === "abandoned" || mayTakeOver(found, request, nowMs)) {
    return { step: "own", held: newRun(request, found.attempt + 1, lastFence, nowMs) };
  }
  return { step: "refuse", found: foreignRun(found, nowMs) };
}

/** Decides one renew. */
export function renewStep(found: HeldRecord | undefined, token: OwnerToken, leaseMs: number, nowMs: number): WriteStep {
  if (!isLive(found, nowMs) || found.state !== "running" || found.token !== token) return STALE;
  return { answer: "ok", held: { ...found, leaseEndsMs: nowMs + leaseMs } };
}

/** Decides one complete. */
export function completeStep(
  found: HeldRecord | undefined,
  token: OwnerToken,
  retentionMs: number,
  nowMs: number,
): WriteStep {
  if (!isLive(found, nowMs) || found.state === "abandoned" || found.token !== token) return STALE;
  if (found.state === "done") return OK_ALREADY;
  return { answer: "ok", held: { ...found, state: "done", expiresMs: nowMs + retentionMs } };
}

/** Decides one abandon. */
export function abandonStep(found: HeldRecord | undefined, token: OwnerToken, nowMs: number): WriteStep {
  if (!isLive(found, nowMs) || found.state === "done" || found.token !== token) return STALE;
  return found.state === "abandoned" ? OK_ALREADY : { answer: "ok", held: { ...found, state: "abandoned" } };
}

/** What a running record is to somebody who does not own it. */
export function foreignRun({ fingerprint, fence, attempt, leaseEndsMs }: HeldRecord, nowMs: number): ForeignRun {
  const leaseLeftMs = leaseEndsMs - nowMs;
  if (leaseLeftMs > 0) return { outcome: "running", fingerprint, leaseLeftMs };
  return { outcome: "unknown", fingerprint, fence, attempt, sinceMs: -leaseLeftMs };
}

function newRun(request: AcquireRequest, attempt: number, lastFence: number, nowMs: number): HeldRecord {
  const { token, fingerprint } = request;
  const fence = Math.max(lastFence + 1, nowMs);
  return { state: "running", token, fingerprint, fence, attempt, ...newTerms(request, nowMs) };
}

function newTerms({ leaseMs, retentionMs }: AcquireRequest, nowMs: number) {
  return { leaseEndsMs: nowMs + leaseMs, expiresMs: nowMs + retentionMs };
}

/** Whoever has the record's own token was told that it is theirs before this is asked. */
function mayTakeOver(held: HeldRecord, { fingerprint, takeOver }: AcquireRequest, nowMs: number): boolean {
  const agreed = takeOver === true || takeOver === held.fence;
  return agreed && fingerprint === held.fingerprint && held.leaseEndsMs <= nowMs;
}
