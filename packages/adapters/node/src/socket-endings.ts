/**
 * Tells an answer that has come to its end from one whose connection has.
 *
 * Where an answer says `Connection: close`, undici 7 takes the end of the connection, or its reset, for the end of the
 * answer, though its last chunk never came: half an answer would be passed on like a whole one, and it is the instances on
 * their way out that send such answers. undici tells of the answer's end while it hears of that of the socket: so it is
 * enough to know whether a socket is ending just now.
 */

import { subscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";

/** What a socket tells when it ends. */
export type Ending = (typeof ENDINGS)[number];

const ENDINGS = ["end", "error", "close"] as const;

let current: Ending | undefined;
let isWatching = false;

/** Watches the sockets that undici connects from now on, by whatever dispatcher. */
export function watchEndings(): void {
  if (isWatching) return;
  isWatching = true;
  subscribe("undici:client:connected", (message) => {
    if (typeof message !== "object" || message === null || !("socket" in message)) return;
    if (message.socket instanceof Socket) watch(message.socket);
  });
}

/** What the socket that is being told of an ending in this very moment is told. */
export function endingNow(): Ending | undefined {
  return current;
}

/** Puts one listener before those of undici, and one behind them. */
function watch(socket: Socket): void {
  for (const ending of ENDINGS) {
    socket.prependListener(ending, () => {
      current = ending;
    });
    socket.on(ending, () => {
      current = undefined;
    });
  }
}
