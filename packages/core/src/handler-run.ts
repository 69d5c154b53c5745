/**
 * One execution of the handler, from the claim to the record. The adapter feeds it what the handler sends and lets
 * the last byte go when `end` says so.
 *
 * Classes, because there is one of each for every first request: as many closures would be four kilobytes of them.
 */

import type { InterruptedRun, Task } from "./background.js";
import { decideEnding } from "./decide.js";
import { OnceoverError } from "./error.js";
import { keyDigest } from "./event.js";
import type { HeaderLine } from "./facts.js";
import { LONGEST_SILENCE_MS } from "./flight.js";
import { LazySignal } from "./lazy-signal.js";
import { Lease, type LeaseHolder, type LeaseLoss } from "./lease.js";
import type { LiveAnswer } from "./live.js";
import type { Once } from "./once.js";
import { type OnceBehind, onceOf } from "./once-of-run.js";
import type { RunRecord } from "./record.js";
import { Recorder } from "./recorder.js";
import type { Claim, Release, Run, RunContext } from "./run.js";
import { RunEnding, SEND } from "./run-ending.js";
import { ask } from "./shell.js";
import type { Written } from "./store.js";

/** How long a handler whose client has gone may take to answer, in milliseconds. */
const LONGEST_DETACHED_MS = 15 * 60_000;

/** Begins a run: the handler may be called. */
export function startRun(context: RunContext, claim: Claim): Run {
  return new HandlerRun(context, claim);
}

class HandlerRun implements Run, Task, LeaseHolder, OnceBehind, Pick<Recorder, "join" | "close"> {
  readonly once: Once;
  readonly #context: RunContext;
  readonly #claim: Claim;
  readonly #recorder: Recorder;
  /** Absent where the store did not answer the acquire: then there is nothing to renew. */
  readonly #lease: Lease | undefined;
  readonly #lostLease = new LazySignal();
  readonly #ending: RunEnding;
  #isEnded = false;
  #freed: Promise<void> | undefined;
  #cancelDeadline: (() => void) | undefined;
  #isStreaming = false;

  constructor(context: RunContext, claim: Claim) {
    const { shell, settings, flight } = context;
    const { key, attempt, fence, sentAtMs } = claim;
    this.#context = context;
    this.#claim = claim;
    this.#recorder = new Recorder(settings.maxRecordBytes, settings.replayHeaders);
    flight.live = this;
    this.#sign();
    this.#lease = sentAtMs === undefined ? undefined : new Lease(shell.platform, settings.leaseMs, sentAtMs, this);
    this.#ending = new RunEnding(context, claim, this.#lease, this);
    shell.emit({ type: "run", keyDigest: keyDigest(key), attempt, fence });
    this.once = onceOf(claim, shell.revision, this);
  }

  /** Without a lease there is no sign of life but this one. */
  #sign(): void {
    const { flight, settings } = this.#context;
    const hasLease = this.#claim.sentAtMs !== undefined;
    flight.sign(hasLease ? settings.leaseMs + LONGEST_SILENCE_MS : LONGEST_DETACHED_MS);
  }

  async renew(): Promise<Written | "failed"> {
    const { shell, settings } = this.#context;
    const { key, token, transaction } = this.#claim;
    this.#sign();
    const asked = await ask(
      shell,
      "renew",
      key,
      (store) => transaction?.renew() ?? store.renew(key, token, settings.leaseMs),
    );
    // Whatever it says: a store that is away says nothing about us.
    this.#sign();
    return asked.outcome === "answered" ? asked.value : "failed";
  }

  loseLease(reason: LeaseLoss): void {
    // A renewal that crosses the record on its way finds nothing to renew.
    if (this.#isEnded) return;
    this.#context.shell.emit({ type: "lease-lost", keyDigest: keyDigest(this.#claim.key), reason });
    this.#lostLease.abort();
  }

  /** Whoever comes after the lease finds an outcome that is unknown; until then the answer can still be recorded. */
  interrupt(): InterruptedRun | undefined {
    // What is only to be recorded will be, or not; nothing can be taken from it.
    if (this.#isEnded) return undefined;
    const { key, attempt, fence } = this.#claim;
    this.#lease?.lose("interrupted");
    return { keyDigest: keyDigest(key), attempt, fence };
  }

  get signal(): AbortSignal {
    this.#lease?.check();
    return this.#lostLease.signal;
  }

  get tx(): unknown {
    const { transaction } = this.#claim;
    if (transaction === undefined) throw new OnceoverError("misuse", "once.tx needs a mount with transactional: true");
    return transaction.client;
  }

  head(status: number, headers: readonly HeaderLine[], already: readonly HeaderLine[]): void {
    this.#recorder.head(status, headers, already);
  }

  /** The first piece is news to those who wait: from now on there is something to join. */
  write(chunk: Uint8Array): void {
    this.#recorder.write(chunk);
    if (!this.#isStreaming) this.#context.flight.ring();
    this.#isStreaming = true;
  }

  keeps(): boolean {
    return this.#recorder.keeps();
  }

  /** Only the answer that the key will have may be shared before it is recorded. */
  join(...given: Parameters<Recorder["join"]>): LiveAnswer | undefined {
    const isGoingOn = !this.#isEnded && this.#freed === undefined;
    return isGoingOn && this.#isToBeKept() ? this.#recorder.join(...given) : undefined;
  }

  close(how: "whole" | "cut"): void {
    this.#recorder.close(how);
  }

  /** Whether the answer, as far as it is known, is the one that the key will have. */
  #isToBeKept(): boolean {
    const status = this.#recorder.status();
    return status !== undefined && decideEnding(status, this.#context.settings.effects) === "complete";
  }

  end(): Promise<Release> {
    if (this.#isEnded) return Promise.resolve(SEND);
    this.#end();
    const record = this.#finish();
    const isFailure = decideEnding(record.status, this.#context.settings.effects) === "abandon";
    const freed = this.#freed ?? (isFailure ? this.#ending.free("failure") : undefined);
    return freed === undefined ? this.#ending.complete(record) : freed.then(() => this.#ending.settle(record));
  }

  #end(): void {
    this.#isEnded = true;
    this.#cancelDeadline?.();
  }

  #finish(cut?: "cut"): RunRecord {
    const { revision, platform } = this.#context.shell;
    const { fingerprint } = this.#claim;
    return this.#recorder.finish({ fingerprint, revision, completedAtMs: platform.epochMs() }, cut);
  }

  async abandon(): Promise<void> {
    if (this.#isEnded && this.#freed === undefined) {
      throw new OnceoverError("misuse", "abandon() was called after the answer was recorded");
    }
    this.#freed ??= this.#ending.free("handler");
    await this.#freed;
  }

  cut(): void {
    if (this.#isEnded) return;
    this.#end();
    // Nobody is left to wait for it, and it never rejects.
    void this.#cutOff();
  }

  async #cutOff(): Promise<void> {
    const { shell, settings } = this.#context;
    if (this.#freed !== undefined) await this.#freed;
    else if (this.#isToBeKept() && this.#claim.transaction === undefined)
      return this.#ending.completeCut(this.#finish("cut"));
    else if (settings.effects === "repeatable") await this.#ending.free("failure");
    else shell.emit({ type: "answer-lost", keyDigest: keyDigest(this.#claim.key) });
    this.#ending.settle(undefined);
  }

  detach(giveUp: () => void): void {
    this.#cancelDeadline?.();
    if (this.#isEnded) return;
    this.#cancelDeadline = this.#context.shell.platform.timer(LONGEST_DETACHED_MS, () => {
      this.cut();
      giveUp();
    });
  }

  settled(): Promise<void> {
    return this.#ending.settled();
  }

  failed(error: unknown): void {
    this.#context.shell.emit({ type: "handler-failed", keyDigest: keyDigest(this.#claim.key), error });
  }
}
