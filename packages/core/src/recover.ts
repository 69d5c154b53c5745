import { keyDigest } from "./event.js";
import type { RequestFacts } from "./facts.js";
import { effectKey } from "./once.js";
import type { MaybePromise } from "./platform.js";
import type { RunRecord } from "./record.js";
import { Recorder } from "./recorder.js";
import type { Shell } from "./shell.js";
import type { Fingerprint, StoreKey, UnknownRecord } from "./store.js";

/** An outcome nobody knows: a run began, its process died or its answer was lost, and its effect may have happened. */
export interface UnknownOutcome<Request> {
  /** The idempotency key, as the client sent it. */
  readonly key: string;
  /** Which run it was: 1 for the key's first. */
  readonly attempt: number;
  /** The lost run's fence: a downstream that refuses older ones from now on ends it for good. */
  readonly fence: number;
  /** How long ago its lease ended, in milliseconds. */
  readonly sinceMs: number;
  /** The retry that met it; its body is the same as the first one's. */
  readonly request: Request;
  /** The key the lost run used for this step; see `Once.effectKey`. */
  effectKey(step: string): string;
}

/** An answer made by hand. */
export interface RecoveredResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as UTF-8. @default no body */
  readonly body?: string | Uint8Array;
}

/** What the application found out: the effect happened and this is its answer, it did not happen, or that stays open. */
export type Recovered =
  | { readonly outcome: "done"; readonly response: RecoveredResponse }
  | { readonly outcome: "rerun" }
  | { readonly outcome: "unknown" };

/**
 * Looks where the effect would have left its trace (a ledger, the payment provider) and says what it found.
 * Called for one retry at a time in a process. What it throws counts as `unknown`.
 */
export type RecoverFunction<Request> = (unknown: UnknownOutcome<Request>) => MaybePromise<Recovered>;

/** Asks the application; whatever it cannot say stays unknown. Never rejects. */
export async function askRecover<Request>(
  shell: Shell,
  recover: RecoverFunction<Request> | undefined,
  {
    key,
    idempotencyKey,
    facts,
  }: { readonly key: StoreKey; readonly idempotencyKey: string; readonly facts: RequestFacts<Request> },
  { attempt, fence, sinceMs }: UnknownRecord,
): Promise<Recovered> {
  const tell = (settled: Recovered["outcome"], failure: { readonly error?: unknown } = {}) =>
    shell.emit({ type: "unknown", keyDigest: keyDigest(key), attempt, settled, ...failure });
  try {
    const about = {
      key: idempotencyKey,
      attempt,
      fence,
      sinceMs,
      request: facts.request,
      effectKey: (step: string) => effectKey(key, step),
    };
    const recovered = checked((await recover?.(about)) ?? STILL_UNKNOWN);
    tell(recovered.outcome);
    return recovered;
  } catch (error) {
    tell("unknown", { error });
    return STILL_UNKNOWN;
  }
}

const STILL_UNKNOWN: Recovered = { outcome: "unknown" };

function checked(recovered: Recovered): Recovered {
  const { outcome } = recovered;
  if (outcome === "unknown" || outcome === "rerun") return recovered;
  if (outcome === "done" && isResponse(recovered.response)) return recovered;
  throw new TypeError(
    'recover must return { outcome: "done", response: { status: 200 to 599, headers?, body? } }, "rerun" or "unknown"',
  );
}

function isResponse(response: Partial<Readonly<Record<keyof RecoveredResponse, unknown>>> | undefined): boolean {
  const { status, headers = {}, body = "" } = response ?? {};
  const isStatus = typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599;
  const isBody = typeof body === "string" || body instanceof Uint8Array;
  return isStatus && isBody && areHeaders(headers);
}

function areHeaders(headers: unknown): boolean {
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return false;
  return Object.values(headers).every((value) => typeof value === "string");
}

/** The record of an answer made by hand. */
export function recoveredRecord(
  shell: Shell,
  settings: { readonly maxRecordBytes: number; readonly replayHeaders: ReadonlySet<string> },
  fingerprint: Fingerprint,
  { status, headers = {}, body = "" }: RecoveredResponse,
): RunRecord {
  const recorder = new Recorder(settings.maxRecordBytes, settings.replayHeaders);
  recorder.head(status, Object.entries(headers), []);
  recorder.write(typeof body === "string" ? new TextEncoder().encode(body) : body.slice());
  return recorder.finish({ fingerprint, revision: shell.revision, completedAtMs: shell.platform.epochMs() });
}
