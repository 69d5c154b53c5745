/**
 * Relates the server's clock to the monotonic one of this process.
 *
 * An acquire that reaches the server after its caller gave up would claim a key for nobody, and the key would end as
 * an unknown outcome though nothing ran: clients resend after an outage, and a server that was paused executes what
 * waits in its socket. So each acquire carries the moment, by the server's clock, after which it claims nothing.
 */
export interface ServerClock {
  /** The server's time at `atMs` of the monotonic clock, never too early; empty while it is not known. */
  at(atMs: number): string;
  /** The server said that it was `serverMs` in answer to something sent at `sentMs`. */
  learn(serverMs: number, sentMs: number): void;
}

/** Knows nothing until it has learned. */
export function serverClock(): ServerClock {
  let offsetMs: number | undefined;
  return {
    at: (atMs) => (offsetMs === undefined ? "" : String(Math.ceil(atMs + offsetMs))),
    learn(serverMs, sentMs) {
      offsetMs = serverMs - sentMs + 1;
    },
  };
}
