import type { ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isHttp2 } from "./node-request.js";

/** Cuts a response off, so that its client does not take half of it for the whole. */
export function cutOff(response: ServerResponse): void {
  // Without an error HTTP/2 would say that there was none.
  if (isHttp2(response.req)) return void response.destroy(new Error("the answer was cut off"));
  // To a client of HTTP/1.0 the end of the connection is that of the answer: nothing but a reset tells.
  const endsByClose = !response.chunkedEncoding && !response.hasHeader("content-length");
  if (endsByClose && response.socket !== null) reset(response.socket);
  response.destroy();
}

/** Ends a connection so that the other side does not take it for an orderly end; TLS has a word of its own for that. */
export function reset(socket: Duplex): void {
  // Node never closes a socket that is reset while its end is on the way.
  const canReset = socket instanceof Socket && !("encrypted" in socket) && !socket.writableEnded && !socket.connecting;
  if (canReset) socket.resetAndDestroy();
  else socket.destroy();
}
