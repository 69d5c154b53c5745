/**
 * The contract as a table in memory, without a clock: what each verb must answer, one key at a time. Time enters as
 * two events only: `lapse` (the lease ended) and the absence of it.
 */
import type { Acquired, AcquireRequest, Fingerprint, Found, OwnerToken, Written } from "@onceover/core";

/** What the model holds about one key. */
export type ModelRecord =
  | { readonly state: "none" }
  | { readonly state: "abandoned"; readonly token: OwnerToken; readonly attempt: number; readonly fence: number }
  | HeldModelRecord
  | { readonly state: "done"; readonly token: OwnerToken; readonly record: Uint8Array };

/** A record that somebody owns. */
export interface HeldModelRecord {
  readonly state: "running" | "unknown";
  readonly run: ModelRun;
}

/** A run that has neither ended nor been abandoned. */
export interface ModelRun {
  readonly token: OwnerToken;
  readonly fingerprint: Fingerprint;
  readonly attempt: number;
  readonly fence: number;
}

/** An answer and the record that stands after it. */
export interface Step<Answer> {
  readonly answer: Answer;
  readonly after: ModelRecord;
}

/** What acquire must answer; the fence of a new run is the store's choice above `fence.above`. */
export type ExpectedAcquire =
  | { readonly outcome: "acquired"; readonly attempt: number; readonly fence: { readonly above: number } | number }
  | { readonly outcome: "running"; readonly fingerprint: Fingerprint }
  | { readonly outcome: "unknown"; readonly run: ModelRun }
  | { readonly outcome: "done"; readonly record: Uint8Array };

/** The model's answer to acquire. */
export function modelAcquire(found: ModelRecord, request: AcquireRequest): ExpectedAcquire {
  switch (found.state) {
    case "none":
      return { outcome: "acquired", attempt: 1, fence: { above: 0 } };
    case "abandoned":
      return { outcome: "acquired", attempt: found.attempt + 1, fence: { above: found.fence } };
    case "done":
      return { outcome: "done", record: found.record };
    case "running":
    case "unknown":
      return acquireHeld(found, request);
    // no default
  }
}

function acquireHeld(found: HeldModelRecord, request: AcquireRequest): ExpectedAcquire {
  const { state, run } = found;
  if (run.token === request.token) return { outcome: "acquired", attempt: run.attempt, fence: run.fence };
  if (state === "running") return { outcome: "running", fingerprint: run.fingerprint };
  const { fingerprint, takeOver } = request;
  const agreed = run.fingerprint === fingerprint && (takeOver === true || takeOver === run.fence);
  if (!agreed) return { outcome: "unknown", run };
  return { outcome: "acquired", attempt: run.attempt + 1, fence: { above: run.fence } };
}

/** The record after an acquire that the store answered with `acquired`. */
export function modelOwned(request: AcquireRequest, acquired: Extract<Acquired, { outcome: "acquired" }>): ModelRecord {
  const { token, fingerprint } = request;
  return { state: "running", run: { token, fingerprint, attempt: acquired.attempt, fence: acquired.fence } };
}

/** The model's renew. */
export function modelRenew(found: ModelRecord, token: OwnerToken): Step<Written> {
  if (!ownsRun(found, token)) return { answer: "stale", after: found };
  return { answer: "ok", after: { state: "running", run: found.run } };
}

/** The model's complete. */
export function modelComplete(found: ModelRecord, token: OwnerToken, record: Uint8Array): Step<Written> {
  if (found.state === "done" && found.token === token) return { answer: "ok", after: found };
  if (!ownsRun(found, token)) return { answer: "stale", after: found };
  return { answer: "ok", after: { state: "done", token, record } };
}

/** The model's abandon. */
export function modelAbandon(found: ModelRecord, token: OwnerToken): Step<Written> {
  if (found.state === "abandoned" && found.token === token) return { answer: "ok", after: found };
  if (!ownsRun(found, token)) return { answer: "stale", after: found };
  const { attempt, fence } = found.run;
  return { answer: "ok", after: { state: "abandoned", token, attempt, fence } };
}

/** The model's read, as far as it does not depend on a clock. */
export function modelRead(found: ModelRecord): Found["outcome"] {
  return found.state === "abandoned" ? "none" : found.state;
}

/** The lease of a running record ends. */
export function modelLapse(found: ModelRecord): ModelRecord {
  return found.state === "running" ? { state: "unknown", run: found.run } : found;
}

function ownsRun(found: ModelRecord, token: OwnerToken): found is HeldModelRecord {
  return (found.state === "running" || found.state === "unknown") && found.run.token === token;
}
