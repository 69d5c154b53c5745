import type { IncomingMessage } from "node:http";

/** Lets the stream that `inject()` passes off as Node's request say when it is complete. */
export function behaveLikeNode(request: IncomingMessage): void {
  if (!("isLightMyRequest" in request) || Object.hasOwn(request, "push")) return;
  const { push } = request;
  request.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null) request.complete = true;
    return push.call(request, chunk, encoding);
  };
}
