/** One answer that leaves in pieces, as far as it has come. */

import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createEventStreamTracker,
  createRecordTracker,
  farewellBytes,
  type StreamClass,
  type StreamKind,
  type StreamOutcome,
  type StreamReport,
  type StreamTracker,
} from "@onceover/core/drain";

/** What is known of a stream when it begins. */
export interface StreamBegun {
  /** Its media type. */
  readonly type: string;
  readonly isEncoded: boolean;
  readonly kind: StreamKind;
  readonly revision: string;
  /** The last event its client has seen of an earlier one. */
  readonly lastId: string | undefined;
}

/** What is watched: a class for the sake of the many that there may be. */
export class StreamWatch {
  readonly class: StreamClass;
  readonly kind: StreamKind;
  readonly isEncoded: boolean;
  readonly startedAtMs = performance.now();
  readonly #startRevision: string;
  readonly #tracker: StreamTracker | undefined;
  #bytes = 0;
  outcome: StreamOutcome | undefined;

  constructor({ type, isEncoded, kind, revision, lastId }: StreamBegun) {
    this.class = classOf(type);
    this.kind = kind;
    this.isEncoded = isEncoded;
    this.#startRevision = revision;
    // What is in a compressed stream cannot be told from its bytes.
    this.#tracker = isEncoded ? undefined : trackerOf(this.class, lastId);
  }

  wrote(chunk: string | Uint8Array, encoding: BufferEncoding | undefined): void {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk;
    this.#bytes += bytes.length;
    this.#tracker?.write(bytes);
  }

  /** Whether it may end here, as far as that can be told. */
  get isAtBoundary(): boolean {
    return this.#tracker?.isAtBoundary ?? true;
  }

  /** What is said to the client before it ends; nothing where that would be no part of it. */
  farewell(retryMs: number): Uint8Array | undefined {
    if (this.class !== "sse" || this.#tracker?.isAtBoundary !== true) return undefined;
    return farewellBytes({ retryMs, lastId: this.#tracker.lastId });
  }

  report(outcome: StreamOutcome, endRevision: string): StreamReport {
    return {
      class: this.class,
      kind: this.kind,
      revision: { start: this.#startRevision, end: endRevision },
      bytes: this.#bytes,
      events: this.#tracker?.events ?? null,
      lastId: this.#tracker?.lastId ?? null,
      outcome: this.outcome ?? outcome,
      durationMs: Math.round(performance.now() - this.startedAtMs),
    };
  }
}

function classOf(type: string): StreamClass {
  if (/^\s*text\/event-stream\b/i.test(type)) return "sse";
  return /^\s*application\/(?:x-)?(?:ndjson|jsonl|jsonlines)\b/i.test(type) ? "ndjson" : "other";
}

function trackerOf(streamClass: StreamClass, lastId: string | undefined): StreamTracker | undefined {
  if (streamClass === "sse") return createEventStreamTracker(lastId);
  return streamClass === "ndjson" ? createRecordTracker() : undefined;
}

/** The revision that an answer says it is from: that of another one where it was passed on. */
export function revisionOf(response: ServerResponse<IncomingMessage>, own: string): string {
  const said = response.getHeader("revision");
  return typeof said === "string" ? said : own;
}
