import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

/** A request of `node:http` and `node:https`, or of the compatibility API of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** The response that belongs to a request. */
export type NodeResponse<Request extends NodeRequest> = Request extends IncomingMessage
  ? ServerResponse
  : Http2ServerResponse;

/** Whether a request came by HTTP/2, whose compatibility API lacks some of what Node's own request and response have. */
export function isHttp2(request: NodeRequest): request is Http2ServerRequest {
  return request.httpVersionMajor >= 2;
}
