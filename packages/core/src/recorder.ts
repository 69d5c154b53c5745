import { isReplayed } from "./answer.js";
import type { HeaderLine } from "./facts.js";
import { fitsRecord, type RunRecord, type TombstoneReason } from "./record.js";
import type { Fingerprint } from "./store.js";

/** Collects what a handler sends, up to the size of a record. */
export interface Recorder {
  /** The status of the answer, once it is known. */
  readonly status: number | undefined;
  /** Status and header lines of the answer; the first call counts. `already` are the lines that stood there before the handler ran. */
  head(status: number, headers: readonly HeaderLine[], already: readonly HeaderLine[]): void;
  /** A piece of the body. It is not copied: whoever may change it afterwards hands in a copy. */
  write(chunk: Uint8Array): void;
  /** The record of an answer that is whole, or that was `cut`. */
  finish(about: RecordAbout, cut?: "cut"): RunRecord;
}

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

  function take(bytes: number): boolean {
    bytesLeft -= bytes;
    if (bytesLeft < 0) reason ??= "too-large";
    if (reason !== undefined) chunks = [];
    return reason === undefined;
  }

  return {
    get status() {
      return status;
    },
    head(given, lines, already) {
      if (status !== undefined) return;
      status = given;
      headers = lines.filter((line) => isReplayed(line[0], replayHeaders) && !includesLine(already, line));
      if (!fitsRecord(headers)) reason = "unrecordable";
      take(headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0));
    },
    write(chunk) {
      if (chunk.length > 0 && take(chunk.length)) chunks.push(chunk);
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
