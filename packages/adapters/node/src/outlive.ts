/**
 * Lets a request that has come as a whole outlive its connection, until its body has been read.
 *
 * When a client hangs up, Node destroys the request and what it holds with it, and body parsers take a request on a
 * closed socket for one that was read. A handler that runs all the same would see no body, and its complaint about that
 * would be recorded as the answer of this key.
 */

import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { isHttp2, type NodeRequest } from "./node-request.js";

/**
 * Keeps the body, should the client hang up when all of it is here. The handler's own `destroy()`, on an open connection,
 * is Node's, and so is the end of a client that dies in the middle of its body.
 */
export function outliveConnection(request: NodeRequest): void {
  if (isHttp2(request)) takeIn(request);
  else outliveSocket(request);
}

/** HTTP/2 destroys no request, but drops a body that nobody has begun to read. */
function takeIn(request: Http2ServerRequest): void {
  if (!request.readableDidRead) request.read(0);
}

function outliveSocket(request: IncomingMessage): void {
  const { destroy, socket } = request;
  request.destroy = (error?: Error) => {
    if (!request.complete || request.readableEnded || !socket.destroyed) return destroy.call(request, error);
    seemConnected(request);
    request.once("end", () => destroy.call(request, error));
    return request;
  };
}

/** Hides from body parsers that the socket has ended; it may have, a moment before Node tells the request. */
export function seemConnected(request: NodeRequest): void {
  // Parsers for HTTP/2 cannot look at a socket.
  if (isHttp2(request) || request.readableLength === 0 || request.socket.readable) return;
  Object.defineProperty(request.socket, "readable", { value: true, configurable: true });
}
