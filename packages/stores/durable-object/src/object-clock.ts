/**
 * Relates the objects' clocks, which are those of one operator's machines, to that of whoever calls.
 *
 * An acquire that reaches its object after its caller gave up would claim a key for nobody, and the key would end as an
 * unknown outcome though nothing ran: calls wait in a queue while an object starts or is busy. So each acquire carries the
 * moment, by the object's clock, after which it claims nothing.
 */
export interface ObjectClock {
  /** The objects' time at `atMs` of the caller's clock, never too early; nothing while it is not known. */
  at(atMs: number): number | undefined;
  /** An object said that it was `objectMs` in answer to something sent at `sentMs`. */
  learn(objectMs: number, sentMs: number): void;
}

/** Knows nothing until it has learned. */
export function objectClock(): ObjectClock {
  let offsetMs: number | undefined;
  return {
    at: (atMs) => (offsetMs === undefined ? undefined : Math.ceil(atMs + offsetMs)),
    learn(objectMs, sentMs) {
      offsetMs = objectMs - sentMs + 1;
    },
  };
}
