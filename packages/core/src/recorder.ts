import { isReplayed } from "./answer.js";
import type { HeaderLine } from "./facts.js";
import { createJoiners, type Joiners, type Joining, type LiveAnswer } from "./live.js";
import type { Platform } from "./platform.js";
import { fitsRecord, type RunRecord, type TombstoneReason } from "./record.js";
import type { Fingerprint } from "./store.js";

/** Collects what a handler sends, up to the size of a record, and passes it on to whoever joins. */
export interface Recorder {
  /** The status of the answer, once it is known. */
  status(): number | undefined;
  /** Whether what is written is still wanted by anybody. */
  keeps(): boolean;
  /** Status and header lines of the answer; the first call counts. `already` are the lines that stood there before the handler ran. */
  head(status: number, headers: readonly HeaderLine[], already: readonly HeaderLine[]): void;
  /** A piece of the body. It is not copied: whoever may change it afterwards hands in a copy. */
  write(chunk: Uint8Array): void;
  /** Lets one more read along from the beginning, or from where `from` says; `undefined` once the beginning is not kept any more. */
  join(platform: Platform, from: JoinFrom, joining: Omit<Joining, "prefix">): LiveAnswer | undefined;
  /** Ends the bodies of those who have joined. */
  close(how: "whole" | "cut"): void;
  /** The record of an answer that is whole, or that was `cut`. */
  finish(about: RecordAbout, cut?: "cut"): RunRecord;
}

/** Says which part of what was sent so far a joiner is still to be sent. */
export type JoinFrom = (headers: readonly HeaderLine[], chunks: readonly Uint8Array[]) => readonly Uint8Array[];

/** What a record says beside the answer itself. */
export interface RecordAbout {
  readonly fingerprint: Fingerprint;
  readonly revision: string;
  readonly completedAtMs: number;
}

/** A recorder for one answer of at most `maxRecordBytes`, headers and body. */
export function createRecorder(maxRecordBytes: number, replayHeaders: ReadonlySet<string>): Recorder {
  let status: number | undefined;
  let headers: HeaderLine[] = [];
  let chunks: Uint8Array[] = [];
  let bytesLeft = maxRecordBytes;
  let reason: TombstoneReason | undefined;
  let joiners: Joiners | undefined;

  function take(bytes: number): boolean {
    bytesLeft -= bytes;
    if (bytesLeft < 0) reason ??= "too-large";
    if (reason !== undefined) chunks = [];
    return reason === undefined;
  }

  return {
    status: () => status,
    keeps() {
      return reason === undefined || (joiners !== undefined && joiners.size > 0);
    },
    head(given, lines, already) {
      if (status !== undefined) return;
      status = given;
      headers = lines.filter((line) => isReplayed(line[0], replayHeaders) && !includesLine(already, line));
      if (!fitsRecord(headers)) reason = "unrecordable";
      take(headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0));
    },
    write(chunk) {
      if (chunk.length === 0) return;
      if (take(chunk.length)) chunks.push(chunk);
      joiners?.write(chunk);
    },
    join(platform, from, joining) {
      if (status === undefined || reason !== undefined || chunks.length === 0) return undefined;
      // The whole of a record, and as much again of what comes meanwhile.
      joiners ??= createJoiners(platform, 2 * maxRecordBytes);
      return { status, headers, body: joiners.add({ ...joining, prefix: from(headers, chunks) }) };
    },
    close(how) {
      joiners?.close(how);
    },
    finish(about, cut) {
      const head = { ...about, status: status ?? 200 };
      const tombstone = cut ?? reason;
      return tombstone === undefined ? { kind: "answer", ...head, headers, chunks } : { kind: tombstone, ...head };
    },
  };
}

/** What stood there before the handler ran is set anew for every request, by whoever set it. */
function includesLine(lines: readonly HeaderLine[], [name, value]: HeaderLine): boolean {
  return lines.some((line) => line[1] === value && line[0].toLowerCase() === name.toLowerCase());
}
