/**
 * One execution of the handler, from the claim to the record. The adapter feeds it what the handler sends and lets
 * the last byte go when `end` says so.
 */

import type { Answer } from "./answer.js";
import { decideEnding } from "./decide.js";
import { OnceoverError } from "./error.js";
import { keyDigest } from "./event.js";
import type { HeaderLine } from "./facts.js";
import type { Flight } from "./flight.js";
import { keepLease, type Lease } from "./lease.js";
import { effectKey, type Once } from "./once.js";
import type { MountSettings } from "./options.js";
import { encodeRecord, type RunRecord } from "./record.js";
import { createRecorder } from "./recorder.js";
import { ask, type Shell } from "./shell.js";
import type { Fingerprint, OwnerToken, StoreKey, Written } from "./store.js";

/** What may leave now that the answer is whole: the handler's own last byte, or another answer in its place. */
export type Release = { readonly action: "send" } | { readonly action: "replace"; readonly answer: Answer };

/** A run, as its adapter sees it. */
export interface Run {
  readonly once: Once;
  /** Status and header lines as the handler sends them, one per line; `already` stood there before it ran. */
  head(status: number, headers: readonly HeaderLine[], already: readonly HeaderLine[]): void;
  /** A piece of the body, before or after it is sent. Kept as it is: hand in a copy of what may be changed later. */
  write(chunk: Uint8Array): void;
  /** The answer is whole. Resolves when its last byte may leave: it is recorded, or cannot be for now. Never rejects. */
  end(): Promise<Release>;
  /** No more of the answer will come: the handler destroyed it, or gave up. Never throws. */
  cut(): void;
  /** The handler threw. Only told to the listeners: the answer, usually a 500, is the adapter's to send. */
  failed(error: unknown): void;
}

/** The claim a run stands on. */
export interface Claim {
  readonly key: StoreKey;
  readonly token: OwnerToken;
  readonly fence: number;
  readonly attempt: number;
  readonly fingerprint: Fingerprint;
  /** The key as the client sent it. */
  readonly idempotencyKey: string;
  /** When the acquire was sent, on the monotonic clock; `undefined` where the store did not answer it. */
  readonly sentAtMs: number | undefined;
}

/** What a run needs of the rest of the house. */
export interface RunContext {
  readonly shell: Shell;
  readonly settings: Pick<
    MountSettings<never>,
    "effects" | "leaseMs" | "retentionMs" | "maxRecordBytes" | "replayHeaders"
  >;
  readonly flight: Flight;
  /** Answers in place of a run that lost its key to another one. */
  standIn(): Promise<Answer | undefined>;
}

const SEND: Release = { action: "send" };
/** Pauses between tries to store a record late: half a minute close together, then ten minutes at leisure. */
const LATE_PAUSES_MS = [100, 200, 400, 800, 1600, 3200, ...Array.from({ length: 120 }, () => 5000)];

/** Begins a run: the handler may be called. */
export function startRun(context: RunContext, claim: Claim): Run {
  const { shell, settings, flight } = context;
  const { key, token, fingerprint } = claim;
  const digest = keyDigest(key);
  const startedAtMs = shell.platform.monotonicMs();
  const recorder = createRecorder(settings.maxRecordBytes, settings.replayHeaders);
  const leave = shell.background.enter();
  const lostLease = new LazySignal();
  let state: "running" | "ended" = "running";
  let freed: Promise<void> | undefined;

  const lease = claim.sentAtMs === undefined ? UNHELD : holdLease(claim.sentAtMs);
  shell.emit({ type: "run", keyDigest: digest, attempt: claim.attempt, fence: claim.fence });

  function holdLease(sentAtMs: number): Lease {
    return keepLease({
      platform: shell.platform,
      leaseMs: settings.leaseMs,
      sentAtMs,
      async renew() {
        const asked = await ask(shell, "renew", key, (store) => store.renew(key, token, settings.leaseMs));
        return asked.outcome === "answered" ? asked.value : "failed";
      },
      onLoss(reason) {
        // A renewal that crosses the record on its way finds nothing to renew.
        if (state === "ended") return;
        shell.emit({ type: "lease-lost", keyDigest: digest, reason });
        lostLease.abort();
      },
    });
  }

  function finish(cut?: "cut"): RunRecord {
    const completedAtMs = shell.platform.epochMs();
    return recorder.finish({ fingerprint, revision: shell.revision, completedAtMs }, cut);
  }

  /** Lets the followers go, and ends what the run kept going. */
  function settle(record: RunRecord | undefined): void {
    lease.stop();
    flight.land(record === undefined ? { outcome: "again" } : { outcome: "answer", record });
    leave();
  }

  async function end(): Promise<Release> {
    if (state === "ended") return SEND;
    state = "ended";
    const record = finish();
    if (freed !== undefined) await freed;
    else if (decideEnding(record.status, settings.effects) === "abandon") await free("failure");
    else if (claim.sentAtMs === undefined) return recordLate(record);
    else return complete(record);
    settle(record);
    return SEND;
  }

  async function complete(record: RunRecord): Promise<Release> {
    let written = await write(record);
    // A store without room for the answer has room for the fact that there was one.
    if (written === "full") written = await write(withoutBody(record));
    if (written === "failed" || written === "full") return recordLate(record);
    if (written === "stale") return replaced();
    settle(record);
    return SEND;
  }

  async function write(record: RunRecord): Promise<Written | "failed" | "full"> {
    const bytes = encodeRecord(record);
    // If we die here, the effect has happened and no answer says so: the outcome becomes unknown.
    const asked = await ask(shell, "complete", key, (store) => store.complete(key, token, bytes, settings.retentionMs));
    if (asked.outcome === "failed") return isFull(asked.error) ? "full" : "failed";
    if (asked.value === "ok") recorded(record, bytes.length);
    else shell.emit({ type: "record-lost", keyDigest: digest, reason: "stale" });
    return asked.value;
  }

  function recorded(record: RunRecord, recordBytes: number): void {
    const nowMs = shell.platform.monotonicMs();
    shell.cache.set(key, record, nowMs, settings.retentionMs);
    const runMs = nowMs - startedAtMs;
    const tombstone = record.kind === "answer" ? {} : { tombstone: record.kind };
    shell.emit({ type: "recorded", keyDigest: digest, status: record.status, recordBytes, runMs, ...tombstone });
  }

  /** The key has one answer, and it is not ours: a client must not be given a second one. */
  async function replaced(): Promise<Release> {
    settle(undefined);
    const answer = await context.standIn();
    return answer === undefined ? SEND : { action: "replace", answer };
  }

  /** The true answer goes out at once; this process goes on giving it to retries, and trying to record it. */
  function recordLate(record: RunRecord): Release {
    shell.emit({ type: "record-late", keyDigest: digest });
    flight.land({ outcome: "answer", record }, "stay");
    const tryAgain = async () => {
      const written = await write(record);
      return written === "ok" || written === "stale" ? "done" : "again";
    };
    // Nobody waits for it, and it never rejects: a failed call is a value here.
    void shell.background.retry(LATE_PAUSES_MS, tryAgain).then((outcome) => {
      if (outcome === "given-up") shell.emit({ type: "record-lost", keyDigest: digest, reason: "unreachable" });
      settle(record);
    });
    return SEND;
  }

  function free(by: "handler" | "failure"): Promise<void> {
    lease.stop();
    shell.emit({ type: "abandoned", keyDigest: digest, by });
    // A claim that was not answered may still arrive, and is to be given back then.
    return giveBack(shell, key, token, claim.sentAtMs === undefined ? ["ok"] : ["ok", "stale"]);
  }

  async function abandon(): Promise<void> {
    if (state === "ended" && freed === undefined) {
      throw new OnceoverError("misuse", "abandon() was called after the answer was recorded");
    }
    freed ??= free("handler");
    await freed;
  }

  function cut(): void {
    if (state === "ended") return;
    state = "ended";
    // Nobody is left to wait for it, and it never rejects.
    void cutOff();
  }

  async function cutOff(): Promise<void> {
    const { status } = recorder;
    if (freed !== undefined) await freed;
    else if (status !== undefined && decideEnding(status, settings.effects) === "complete") {
      const record = finish("cut");
      const written = await write(record);
      if (written === "ok" || written === "stale") settle(undefined);
      else recordLate(record);
      return;
    } else if (settings.effects === "repeatable") await free("failure");
    else shell.emit({ type: "answer-lost", keyDigest: digest });
    settle(undefined);
  }

  const once: Once = {
    key: claim.idempotencyKey,
    attempt: claim.attempt,
    fence: claim.fence,
    revision: shell.revision,
    get signal() {
      lease.check();
      return lostLease.signal;
    },
    effectKey: (step) => effectKey(key, step),
    abandon,
  };
  const failed = (error: unknown) => shell.emit({ type: "handler-failed", keyDigest: digest, error });
  return { once, head: recorder.head, write: recorder.write, end, cut, failed };
}

const UNHELD: Lease = { check() {}, stop() {} };

function isFull(error: unknown): boolean {
  return error instanceof OnceoverError && error.code === "store-full";
}

function withoutBody({ fingerprint, revision, completedAtMs, status }: RunRecord): RunRecord {
  return { kind: "too-large", fingerprint, revision, completedAtMs, status };
}

/** An abort signal that is made only for a handler that asks for it. */
class LazySignal {
  #controller: AbortController | undefined;
  #aborted = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(new OnceoverError("lease-lost", "the lease of this run was lost; another run may begin"));
  }
}

/** Pauses between tries to free a key: within a lease of default length, and once after it. */
const FREE_PAUSES_MS = [100, 400, 1600, 6400, 12_800];

/**
 * Frees a key in which nothing happened. Resolves after the first try; a store that is away is told in the background,
 * until it gives one of the `enough` answers. Never rejects.
 */
export async function giveBack(
  shell: Shell,
  key: StoreKey,
  token: OwnerToken,
  enough: readonly Written[],
): Promise<void> {
  const attempt = async () => {
    const asked = await ask(shell, "abandon", key, (store) => store.abandon(key, token));
    return asked.outcome === "answered" && enough.includes(asked.value) ? "done" : "again";
  };
  const leave = shell.background.enter();
  if ((await attempt()) === "again") void shell.background.retry(FREE_PAUSES_MS, attempt);
  leave();
}
