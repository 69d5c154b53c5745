/** What has been written to a connection and has not left this process. */

import type { Duplex } from "node:stream";

/** How much there is, as far as it can be told. */
export interface Outflow {
  /** In bytes. */
  readonly waiting: number;
  /** Another one whenever some of it has left. */
  readonly mark: string;
}

/**
 * Looks where Node itself looks before it calls a connection idle (`_onTimeout` of its `lib/net.js`): a large piece leaves in
 * parts, of which streams are told nothing. Beneath TLS there is a second queue.
 *
 * @returns nothing where the queues cannot be seen.
 */
export function outflowOf(socket: Duplex): Outflow | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  const queued = queueOf(handle);
  if (queued === undefined) return undefined;
  const beneath = queueOf(Reflect.get(Object(handle), "_parent")) ?? 0;
  const waiting = socket.writableLength + queued + beneath;
  return { waiting, mark: [socket.writableLength, queued, beneath, Reflect.get(socket, "bytesWritten")].join(" ") };
}

function queueOf(handle: unknown): number | undefined {
  const size: unknown =
    typeof handle === "object" && handle !== null ? Reflect.get(handle, "writeQueueSize") : undefined;
  return typeof size === "number" ? size : undefined;
}
