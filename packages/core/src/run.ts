/** One execution of the handler, as its adapter and the rest of the house see it. */

import type { Answer } from "./answer.js";
import type { HeaderLine } from "./facts.js";
import type { Flight } from "./flight.js";
import type { Once } from "./once.js";
import type { MountSettings } from "./options.js";
import type { Shell } from "./shell.js";
import type { Fingerprint, OwnerToken, StoreKey, Transaction } from "./store.js";

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
  /** The transaction that the claim is part of. */
  readonly transaction?: Transaction | undefined;
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
