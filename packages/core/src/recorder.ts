import { isReplayed } from "./answer.js";
import type { HeaderLine } from "./facts.js";
import { createJoiners, type Joiners, type Joining, type LiveAnswer } from "./live.js";
import type { Platform } from "./platform.js";
import { fitsRecord, type RunRecord, type TombstoneReason } from "./record.js";
import type { Fingerprint } from "./store.js";

/** Says which part of what was sent so far a joiner is still to be sent. */
export type JoinFrom = (headers: readonly HeaderLine[], chunks: readonly Uint8Array[]) => readonly Uint8Array[];

/** What a record says beside the answer itself. */
export interface RecordAbout {
  readonly fingerprint: Fingerprint;
  readonly revision: string;
  readonly completedAtMs: number;
}

/** Collects what a handler sends, up to the size of a record, and passes it on to whoever joins. */
export class Recorder {
  readonly #maxRecordBytes: number;
  readonly #replayHeaders: ReadonlySet<string>;
  #status: number | undefined;
  #headers: readonly HeaderLine[] = [];
  #chunks: Uint8Array[] = [];
  #bytesLeft: number;
  #reason: TombstoneReason | undefined;
  #joiners: Joiners | undefined;

  /** For one answer of at most `maxRecordBytes`, headers and body. */
  constructor(maxRecordBytes: number, replayHeaders: ReadonlySet<string>) {
    this.#maxRecordBytes = maxRecordBytes;
    this.#replayHeaders = replayHeaders;
    this.#bytesLeft = maxRecordBytes;
  }

  /** The status of the answer, once it is known. */
  status(): number | undefined {
    return this.#status;
  }

  /** Whether what is written is still wanted by anybody. */
  keeps(): boolean {
    return this.#reason === undefined || (this.#joiners !== undefined && this.#joiners.size > 0);
  }

  /** Status and header lines of the answer; the first call counts. `already` are the lines that stood there before the handler ran. */
  head(status: number, lines: readonly HeaderLine[], already: readonly HeaderLine[]): void {
    if (this.#status !== undefined) return;
    this.#status = status;
    this.#headers = lines.filter((line) => isReplayed(line[0], this.#replayHeaders) && !includesLine(already, line));
    if (!fitsRecord(this.#headers)) this.#reason = "unrecordable";
    this.#take(this.#headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0));
  }

  /** A piece of the body. It is not copied: whoever may change it afterwards hands in a copy. */
  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#take(chunk.length)) this.#chunks.push(chunk);
    this.#joiners?.write(chunk);
  }

  #take(bytes: number): boolean {
    this.#bytesLeft -= bytes;
    if (this.#bytesLeft < 0) this.#reason ??= "too-large";
    if (this.#reason !== undefined) this.#chunks = [];
    return this.#reason === undefined;
  }

  /** Lets one more read along from the beginning, or from where `from` says; `undefined` once the beginning is not kept any more. */
  join(platform: Platform, from: JoinFrom, joining: Omit<Joining, "prefix">): LiveAnswer | undefined {
    if (this.#status === undefined || this.#reason !== undefined || this.#chunks.length === 0) return undefined;
    // The whole of a record, and as much again of what comes meanwhile.
    this.#joiners ??= createJoiners(platform, 2 * this.#maxRecordBytes);
    const body = this.#joiners.add({ ...joining, prefix: from(this.#headers, this.#chunks) });
    return { status: this.#status, headers: this.#headers, body };
  }

  /** Ends the bodies of those who have joined. */
  close(how: "whole" | "cut"): void {
    this.#joiners?.close(how);
  }

  /** The record of an answer that is whole, or that was `cut`. */
  finish({ fingerprint, revision, completedAtMs }: RecordAbout, cut?: "cut"): RunRecord {
    const status = this.#status ?? 200;
    const tombstone = cut ?? this.#reason;
    if (tombstone !== undefined) return { kind: tombstone, fingerprint, revision, completedAtMs, status };
    const headers = this.#headers;
    return { kind: "answer", fingerprint, revision, completedAtMs, status, headers, chunks: this.#chunks };
  }
}

/** What stood there before the handler ran is set anew for every request, by whoever set it. */
function includesLine(lines: readonly HeaderLine[], [name, value]: HeaderLine): boolean {
  return lines.some((line) => line[1] === value && line[0].toLowerCase() === name.toLowerCase());
}
