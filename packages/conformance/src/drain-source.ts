import type { HeaderLine } from "@onceover/core";
import type { Reply } from "./adapter-suite.js";
import { type Latch, latch } from "./adapter-wait.js";

/** A stream whose pieces a case hands out. */
export interface Source extends AsyncIterable<Uint8Array> {
  push(text: string): void;
  end(): void;
  /** Settles when whoever read it wants no more of it, before its end. */
  readonly letGo: Promise<void>;
  /** How many pieces have been taken. */
  readonly taken: number;
}

/** Makes a stream with nothing in it yet. */
export function source(): Source {
  const pieces: string[] = [];
  const state = { taken: 0, hasEnded: false };
  const gone = latch();
  let news: Latch = latch();
  const tell = () => {
    news.open();
    news = latch();
  };
  async function next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const piece = pieces.shift();
      if (piece !== undefined) {
        state.taken += 1;
        return { done: false, value: Buffer.from(piece) };
      }
      if (state.hasEnded) return { done: true, value: undefined };
      await news.opened;
    }
  }
  return Object.assign(state, {
    push(text: string) {
      pieces.push(text);
      tell();
    },
    end() {
      state.hasEnded = true;
      tell();
    },
    letGo: gone.opened,
    [Symbol.asyncIterator]: () => ({
      next,
      async return(): Promise<IteratorResult<Uint8Array, undefined>> {
        gone.open();
        state.hasEnded = true;
        // A reader that waits would be waited for.
        tell();
        return { done: true, value: undefined };
      },
    }),
  });
}

/** The header of an event stream. */
export const EVENTS: readonly HeaderLine[] = [["Content-Type", "text/event-stream"]];

/** The header of newline-delimited JSON. */
export const RECORDS: readonly HeaderLine[] = [["Content-Type", "application/x-ndjson"]];

/** A reply of such a stream. */
export function flowing(how: "write" | "pipe", headers: readonly HeaderLine[], from: Source): Reply {
  return { how, status: 200, headers, source: from };
}
