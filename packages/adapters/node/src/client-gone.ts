import type { ServerResponse } from "node:http";
import { isHttp2 } from "./node-request.js";

/** Nobody hung up and nothing broke: an error handler, Express's own among them, has closed a half-sent answer. */
export function isCutHere({ req, socket }: ServerResponse): boolean {
  return !isHttp2(req) && socket !== null && !socket.readableEnded && socket.errored === null;
}

/** Whether nobody is there to be answered. */
export function isGone({ req, destroyed }: ServerResponse): boolean {
  return isHttp2(req) ? req.stream.closed || req.stream.destroyed : destroyed;
}

/** Of HTTP/2 a closed response has let go itself. */
export function detach(response: ServerResponse): void {
  if (!isHttp2(response.req) && response.socket !== null) response.detachSocket(response.socket);
}
