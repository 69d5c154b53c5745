/** Event streams as their client sees them. Runs in Node and in a page: nothing here belongs to either. */

/** What Node's and the browser's `EventSource` have in common. */
export interface WatchedSource {
  readonly readyState: number;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(
    type: "message",
    listener: (event: { readonly data: unknown; readonly lastEventId: string }) => void,
  ): void;
  close(): void;
}

/** One event: its id, and what it says. */
export interface SeenEvent {
  readonly id: string;
  readonly data: string;
}

/** What a client has seen so far. */
export interface Seen {
  readonly events: readonly SeenEvent[];
  /** Every state, in the order in which they followed upon each other. */
  readonly readyStates: readonly number[];
  readonly opens: number;
  /** How often it was told that the connection is gone. */
  readonly errors: number;
}

/** A stream that is watched. */
export interface Watch {
  seen(): Seen;
  close(): void;
}

const LOOK_EVERY_MS = 5;

/** Watches a stream from now on, at each of its events and between them. */
export function watchEvents(source: WatchedSource): Watch {
  const events: SeenEvent[] = [];
  const readyStates: number[] = [];
  let opens = 0;
  let errors = 0;
  const look = () => {
    if (readyStates.at(-1) !== source.readyState) readyStates.push(source.readyState);
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  source.addEventListener("open", () => {
    opens += 1;
    look();
  });
  source.addEventListener("error", () => {
    errors += 1;
    look();
  });
  source.addEventListener("message", ({ data, lastEventId }) => {
    events.push({ id: lastEventId, data: String(data) });
    look();
  });
  look();
  return {
    seen: () => ({ events: [...events], readyStates: [...readyStates], opens, errors }),
    close() {
      clearInterval(timer);
      source.close();
    },
  };
}
