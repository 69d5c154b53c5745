import type { RouteHandlerMethod } from "fastify";

/**
 * Lets a handler that resolves with nothing answer with nothing. Fastify sees to that only while the client is there;
 * the record wants the answer all the same.
 */
export function answering(handler: RouteHandlerMethod): RouteHandlerMethod {
  return function answering(request, reply) {
    const result: unknown = handler.call(this, request, reply);
    if (request.once === undefined || !(result instanceof Promise)) return result;
    return result.then((payload: unknown) => {
      const { headersSent, destroyed } = reply.raw;
      if (payload === undefined && !reply.sent && !headersSent && !destroyed) reply.send();
      return payload;
    });
  };
}
