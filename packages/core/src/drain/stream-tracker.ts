/** Follows the bytes of one stream as they are sent, to know where it may be ended and what has gone out. */
export interface StreamTracker {
  /** Looks at the bytes that are sent next. They may be split anywhere; nothing of them is kept but what a tracker says. */
  write(chunk: Uint8Array): void;
  /** Whether nothing that has been begun is unfinished. */
  readonly isAtBoundary: boolean;
  /** Whole events, records or messages. */
  readonly events: number;
  /** What the client has as its last event id; `undefined` where it has none, or it cannot be told. */
  readonly lastId: string | undefined;
}
