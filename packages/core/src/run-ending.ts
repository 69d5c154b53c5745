/** What becomes of a run when it ends: its record is stored, at once or late, or its key is given back. */

import type { Task } from "./background.js";
import { codeOf } from "./error.js";
import { keyDigest } from "./event.js";
import { giveBack } from "./give-back.js";
import { Latch } from "./latch.js";
import type { Lease } from "./lease.js";
import { encodeRecord, type RunRecord } from "./record.js";
import type { Claim, Release, RunContext } from "./run.js";
import { ask } from "./shell.js";
import type { Written } from "./store.js";
import { refuse } from "./verdict.js";

/** The handler's own last byte may leave. */
export const SEND: Release = { action: "send" };

/** Pauses between tries to store a record late: half a minute close together, then ten minutes at leisure. */
const LATE_PAUSES_MS = [100, 200, 400, 800, 1600, 3200, ...Array.from({ length: 120 }, () => 5000)];

/** The end of one run. Nothing of it ever rejects. */
export class RunEnding {
  readonly #context: RunContext;
  readonly #claim: Claim;
  readonly #lease: Lease | undefined;
  readonly #startedAtMs: number;
  /** Tells that the run is not in the way of an instance that waits to be idle any more. */
  readonly #leave: () => void;
  readonly #settled = new Latch();

  constructor(context: RunContext, claim: Claim, lease: Lease | undefined, run: Task) {
    this.#context = context;
    this.#claim = claim;
    this.#lease = lease;
    this.#startedAtMs = context.shell.platform.monotonicMs();
    this.#leave = context.shell.background.enter(run);
  }

  /** Resolves when the run is over and its record stored, or given up. */
  settled(): Promise<void> {
    return this.#settled.opened();
  }

  /** Lets the followers go, ends what the run kept going, and lets the last byte leave. */
  settle(record: RunRecord | undefined): Release {
    this.#lease?.stop();
    this.#context.flight.land(record === undefined ? { outcome: "again" } : { outcome: "answer", record });
    this.#leave();
    this.#settled.open();
    return SEND;
  }

  /** Stores the record of an answer that is whole. Resolves when its last byte may leave. */
  async complete(record: RunRecord): Promise<Release> {
    if (this.#claim.sentAtMs === undefined) return this.#recordLate(record);
    let written = await this.#store(record);
    if (this.#claim.transaction !== undefined && written !== "ok") return this.#undone(record, written);
    // A store without room for the answer has room for the fact that there was one.
    if (written === "full") written = await this.#store(withoutBody(record));
    if (written === "failed" || written === "full") return this.#recordLate(record);
    if (written === "stale") return this.#replaced();
    return this.settle(record);
  }

  /** Stores the record of an answer that was cut. Those who wait must look for themselves. */
  async completeCut(record: RunRecord): Promise<void> {
    const written = await this.#store(record);
    if (written === "ok" || written === "stale") this.settle(undefined);
    else this.#recordLate(record);
  }

  /** Nothing of an answer that says yes is true any more; one that says no may leave as it is. Either way the key is free. */
  #undone({ status }: RunRecord, written: NotWritten | "stale"): Release {
    const { shell } = this.#context;
    const isCertain = written === "rolled-back";
    this.settle(undefined);
    if (isCertain && status >= 400) return SEND;
    const told = isCertain ? {} : { members: { executed: "unknown" } };
    const { answer } = refuse(shell, "rolled-back", { retryAfterSeconds: 1, ...told }, this.#claim.key);
    return { action: "replace", answer };
  }

  async #store(record: RunRecord): Promise<Written | NotWritten> {
    const { shell, settings } = this.#context;
    const { key, token, transaction } = this.#claim;
    const bytes = encodeRecord(record);
    // If we die here, the effect has happened and no answer says so: the outcome becomes unknown.
    const asked = await ask<Written>(
      shell,
      "complete",
      key,
      (store) =>
        transaction?.complete(bytes, settings.retentionMs) ?? store.complete(key, token, bytes, settings.retentionMs),
    );
    if (asked.outcome === "failed") return whyNot(asked.error);
    if (asked.value === "ok") this.#recorded(record, bytes.length);
    else shell.emit({ type: "record-lost", keyDigest: keyDigest(key), reason: "stale" });
    return asked.value;
  }

  #recorded({ kind, status }: RunRecord, recordBytes: number): void {
    const { shell } = this.#context;
    const runMs = shell.platform.monotonicMs() - this.#startedAtMs;
    const tombstone = kind === "answer" ? {} : { tombstone: kind };
    shell.emit({ type: "recorded", keyDigest: keyDigest(this.#claim.key), status, recordBytes, runMs, ...tombstone });
  }

  /** The key has one answer, and it is not ours: a client must not be given a second one. */
  async #replaced(): Promise<Release> {
    this.settle(undefined);
    const answer = await this.#context.standIn();
    return answer === undefined ? SEND : { action: "replace", answer };
  }

  /** The true answer goes out at once; this process goes on giving it to retries, and trying to record it. */
  #recordLate(record: RunRecord): Release {
    const { shell, flight } = this.#context;
    const digest = keyDigest(this.#claim.key);
    shell.emit({ type: "record-late", keyDigest: digest });
    flight.land({ outcome: "answer", record }, "stay");
    const tryAgain = async () => {
      const written = await this.#store(record);
      return written === "ok" || written === "stale" ? "done" : "again";
    };
    // Nobody waits for it, and it never rejects: a failed call is a value here.
    void shell.background.retry(LATE_PAUSES_MS, tryAgain).then((outcome) => {
      if (outcome === "given-up") shell.emit({ type: "record-lost", keyDigest: digest, reason: "unreachable" });
      this.settle(record);
    });
    return SEND;
  }

  /** Gives the key back. */
  free(by: "handler" | "failure"): Promise<void> {
    const { shell } = this.#context;
    const { key, token, sentAtMs, transaction } = this.#claim;
    this.#lease?.stop();
    shell.emit({ type: "abandoned", keyDigest: keyDigest(key), by });
    if (transaction !== undefined) return transaction.abandon();
    // A claim that was not answered may still arrive, and is to be given back then.
    return giveBack(shell, key, token, sentAtMs === undefined ? ["ok"] : ["ok", "stale"]);
  }
}

/** Why a record was not written, or is not known to be. */
type NotWritten = "failed" | "full" | "rolled-back";

function whyNot(error: unknown): NotWritten {
  const code = codeOf(error);
  if (code === "rolled-back") return code;
  return code === "store-full" ? "full" : "failed";
}

function withoutBody({ fingerprint, revision, completedAtMs, status }: RunRecord): RunRecord {
  return { kind: "too-large", fingerprint, revision, completedAtMs, status };
}
