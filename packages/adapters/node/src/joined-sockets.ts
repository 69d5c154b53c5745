import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { reset } from "./cut-off.js";

/** How long a connection is silent until it is tried, in milliseconds. */
const PROBE_MS = 60_000;

/** Lets what comes on one socket leave on the other, both ways, until both have ended; what breaks one breaks the other. */
export function joinSockets(one: Duplex, other: Duplex): void {
  for (const socket of [one, other]) if (socket instanceof Socket) keepOpen(socket);
  one.pipe(other);
  other.pipe(one);
  follow(one, other);
  follow(other, one);
}

function follow(one: Duplex, other: Duplex): void {
  one.on("error", () => {});
  one.once("close", () => {
    if (one.errored !== null || !one.readableEnded) return reset(other);
    // It was ended by the pipe: what it still has to send may leave, and what comes after that has nowhere to go.
    other.resume();
    if (other.writableFinished) other.destroy();
    else other.once("finish", () => other.destroy());
  });
}

/** It may be silent for as long as it likes, but not when there is nobody any more. */
function keepOpen(socket: Socket): void {
  socket.setTimeout(0).setNoDelay(true).setKeepAlive(true, PROBE_MS);
}
