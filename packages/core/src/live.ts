/** An answer on its way, for duplicates in the same process that join it: they get what has left, then what comes. */

import { createBell } from "./bell.js";
import type { HeaderLine } from "./facts.js";
import type { Platform } from "./platform.js";

/** The answer of a run that is still going on, for the adapter to send as it comes. */
export interface LiveAnswer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  /** Ends when the run's answer is recorded; errors where that was cut off, and then the adapter cuts this one off, too. */
  readonly body: ReadableStream<Uint8Array>;
}

/** Those who have joined one answer. */
export interface Joiners {
  readonly size: number;
  /** A body for one more. */
  add(joining: Joining): ReadableStream<Uint8Array>;
  write(chunk: Uint8Array): void;
  /** The answer is recorded, or will never be whole. */
  close(how: "whole" | "cut"): void;
}

/** What one who joins brings along. */
export interface Joining {
  /** What its body begins with. */
  readonly prefix: readonly Uint8Array[];
  /** How long the run may still be silent; not above 0, it is dead. In milliseconds. */
  silenceLeftMs(): number;
  /** Called when the body is over, or nobody reads it any more. */
  left(): void;
}

/** Nobody has joined yet. One who has more than `maxQueuedBytes` still to read is cut off: its retry gets the record. */
export function createJoiners(platform: Platform, maxQueuedBytes: number): Joiners {
  const joined = new Set<Joiner>();
  return {
    get size() {
      return joined.size;
    },
    add(joining) {
      const joiner = createJoiner(platform, maxQueuedBytes, joining, () => joined.delete(joiner));
      joined.add(joiner);
      return joiner.body;
    },
    write(chunk) {
      for (const joiner of joined) joiner.write(chunk);
    },
    close(how) {
      for (const joiner of joined) joiner.close(how);
    },
  };
}

interface Joiner extends Pick<Joiners, "write" | "close"> {
  readonly body: ReadableStream<Uint8Array>;
}

function createJoiner(
  platform: Platform,
  maxQueuedBytes: number,
  { prefix, silenceLeftMs, left }: Joining,
  leave: () => void,
): Joiner {
  const bell = createBell(platform);
  let queue = [...prefix];
  let queuedBytes = prefix.reduce((sum, { length }) => sum + length, 0);
  let ending: "whole" | "cut" | undefined;

  function close(how: "whole" | "cut"): void {
    if (ending !== undefined) return;
    ending = how;
    if (how === "cut") queue = [];
    leave();
    left();
    bell.ring();
  }

  /** The next chunk, as a copy: who reads it may take the bytes away. */
  async function next(): Promise<Uint8Array | undefined> {
    while (queue.length === 0 && ending === undefined) {
      await bell.rung(silenceLeftMs());
      if (silenceLeftMs() <= 0) close("cut");
    }
    const chunk = queue.shift();
    queuedBytes -= chunk?.length ?? 0;
    return chunk && new Uint8Array(chunk);
  }

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(reader) {
        const chunk = await next();
        if (chunk !== undefined) reader.enqueue(chunk);
        else if (ending === "cut") reader.error(new Error("the answer was cut off"));
        else reader.close();
      },
      cancel: () => close("cut"),
    },
    { highWaterMark: 0 },
  );
  return {
    body,
    write(chunk) {
      queuedBytes += chunk.length;
      if (queue.length > 0 && queuedBytes > maxQueuedBytes) return close("cut");
      queue.push(chunk);
      bell.ring();
    },
    close,
  };
}
