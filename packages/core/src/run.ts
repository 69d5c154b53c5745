/**
 * One execution of the handler, from the claim to the record. The adapter feeds it what the handler sends and lets
 * the last byte go when `end` says so.
 */

import type { Answer } from "./answer.js";
import { decideEnding } from "./decide.js";
import { OnceoverError } from "./error.js";
import { keyDigest } from "./event.js";
import type { HeaderLine } from "./facts.js";
import { type Flight, LONGEST_SILENCE_MS } from "./flight.js";
import { giveBack } from "./give-back.js";
import { createLatch } from "./latch.js";
import { LazySignal } from "./lazy-signal.js";
import { keepLease, type Lease } from "./lease.js";
import type { LiveAnswer } from "./live.js";
import type { Once } from "./once.js";
import { onceOf } from "./once-of-run.js";
import type { MountSettings } from "./options.js";
import { encodeRecord, type RunRecord } from "./record.js";
import { createRecorder, type Recorder } from "./recorder.js";
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
  /** Whether pieces of the body are still wanted: not once the answer is too large to record, unless somebody has joined it. */
  keeps(): boolean;
  /** The answer is whole. Resolves when its last byte may leave: it is recorded, or cannot be for now. Never rejects. */
  end(): Promise<Release>;
  /** No more of the answer will come: the handler destroyed it, or gave up. Never throws. */
  cut(): void;
  /**
   * The client has gone. The handler goes on, for a quarter of an hour at the most: then the answer is cut, and `giveUp`
   * called.
   */
  detach(giveUp: () => void): void;
  /** Resolves when the run is over and its record stored, or given up. */
  settled(): Promise<void>;
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
/** How long a handler whose client has gone may take to answer, in milliseconds. */
const LONGEST_DETACHED_MS = 15 * 60_000;
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
  let cancelDeadline = () => {};
  const settled = createLatch();
  let isStreaming = false;

  flight.live = { join, close: recorder.close };
  // Without a lease there is nothing to renew, and no sign of life.
  const longestSilenceMs = claim.sentAtMs === undefined ? LONGEST_DETACHED_MS : settings.leaseMs + LONGEST_SILENCE_MS;
  flight.sign(longestSilenceMs);
  const lease = claim.sentAtMs === undefined ? UNHELD : holdLease(claim.sentAtMs);
  shell.emit({ type: "run", keyDigest: digest, attempt: claim.attempt, fence: claim.fence });

  function holdLease(sentAtMs: number): Lease {
    return keepLease({
      platform: shell.platform,
      leaseMs: settings.leaseMs,
      sentAtMs,
      async renew() {
        flight.sign(longestSilenceMs);
        const asked = await ask(shell, "renew", key, (store) => store.renew(key, token, settings.leaseMs));
        // Whatever it says: a store that is away says nothing about us.
        flight.sign(longestSilenceMs);
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
    settled.open();
  }

  /** Only the answer that the key will have may be shared before it is recorded. */
  function join(...given: Parameters<Recorder["join"]>): LiveAnswer | undefined {
    const status = recorder.status();
    const isToBeKept = status !== undefined && decideEnding(status, settings.effects) === "complete";
    return state === "running" && freed === undefined && isToBeKept ? recorder.join(...given) : undefined;
  }

  /** The first piece is news to those who wait: from now on there is something to join. */
  function write(chunk: Uint8Array): void {
    recorder.write(chunk);
    if (!isStreaming) flight.ring();
    isStreaming = true;
  }

  function ended(): void {
    state = "ended";
    cancelDeadline();
  }

  async function end(): Promise<Release> {
    if (state === "ended") return SEND;
    ended();
    const record = finish();
    if (freed !== undefined) await freed;
    else if (decideEnding(record.status, settings.effects) === "abandon") await free("failure");
    else if (claim.sentAtMs === undefined) return recordLate(record);
    else return complete(record);
    settle(record);
    return SEND;
  }

  async function complete(record: RunRecord): Promise<Release> {
    let written = await store(record);
    // A store without room for the answer has room for the fact that there was one.
    if (written === "full") written = await store(withoutBody(record));
    if (written === "failed" || written === "full") return recordLate(record);
    if (written === "stale") return replaced();
    settle(record);
    return SEND;
  }

  async function store(record: RunRecord): Promise<Written | "failed" | "full"> {
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
      const written = await store(record);
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
    ended();
    // Nobody is left to wait for it, and it never rejects.
    void cutOff();
  }

  async function cutOff(): Promise<void> {
    const status = recorder.status();
    if (freed !== undefined) await freed;
    else if (status !== undefined && decideEnding(status, settings.effects) === "complete") {
      const record = finish("cut");
      const written = await store(record);
      if (written === "ok" || written === "stale") settle(undefined);
      else recordLate(record);
      return;
    } else if (settings.effects === "repeatable") await free("failure");
    else shell.emit({ type: "answer-lost", keyDigest: digest });
    settle(undefined);
  }

  function detach(giveUp: () => void): void {
    cancelDeadline();
    if (state === "ended") return;
    cancelDeadline = shell.platform.timer(LONGEST_DETACHED_MS, () => {
      cut();
      giveUp();
    });
  }

  const once = onceOf(claim, shell.revision, abandon, () => {
    lease.check();
    return lostLease.signal;
  });
  const failed = (error: unknown) => shell.emit({ type: "handler-failed", keyDigest: digest, error });
  return {
    once,
    head: recorder.head,
    write,
    keeps: recorder.keeps,
    end,
    cut,
    detach,
    settled: settled.opened,
    failed,
  };
}

const UNHELD: Lease = { check() {}, stop() {} };

function isFull(error: unknown): boolean {
  return error instanceof OnceoverError && error.code === "store-full";
}

function withoutBody({ fingerprint, revision, completedAtMs, status }: RunRecord): RunRecord {
  return { kind: "too-large", fingerprint, revision, completedAtMs, status };
}
