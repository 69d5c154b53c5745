import type { IncomingMessage } from "node:http";

/**
 * Lets a request whose body was put back outlive its connection, until the body has been read.
 *
 * When a client hangs up, Node destroys the request and what it holds with it, and body parsers take a request on a
 * closed socket for one without a body. A handler that runs all the same would see no body, and its complaint about that
 * would be recorded as the answer of this key.
 */
export function outliveConnection(request: IncomingMessage): void {
  const { destroy, socket } = request;

  function leave(error: Error | undefined): void {
    Reflect.deleteProperty(socket, "readable");
    destroy.call(request, error);
  }

  request.destroy = (error?: Error) => {
    // The handler's own destroy() comes while the connection is open.
    if (request.readableEnded || !socket.destroyed) return destroy.call(request, error);
    Object.defineProperty(socket, "readable", { value: true, configurable: true });
    request.once("end", () => leave(error));
    return request;
  };
}
