/** The contenders: each a server that passes everything on to one address. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline as pipe } from "node:stream";
import { nodeForward } from "@onceover/node/forward";
import { Agent, pipeline, request } from "undici";

/** In the order in which the first round meets them. */
export const PROXIES = ["request", "pipeline", "onceover"] as const;

/** `undici.request` and `undici.pipeline` by hand, or `nodeForward`. */
export type ProxyName = (typeof PROXIES)[number];

type Listener = (incoming: IncomingMessage, response: ServerResponse) => unknown;

/** Makes a contender; those by hand take no care of header lines, of clients that leave, and of what goes wrong. */
export function makeProxy(name: ProxyName, address: string): Listener {
  const dispatcher = new Agent();
  const sent = ({ method = "GET", headers, url = "" }: IncomingMessage) => ({
    target: address + url,
    options: { dispatcher, method, headers },
  });
  switch (name) {
    case "request":
      return async (incoming, response) => {
        const { target, options } = sent(incoming);
        const body = hasBody(incoming) ? incoming : null;
        const answer = await request(target, { ...options, body });
        response.writeHead(answer.statusCode, answer.headers);
        answer.body.pipe(response);
      };
    case "pipeline":
      return (incoming, response) => {
        const { target, options } = sent(incoming);
        const through = pipeline(target, options, ({ statusCode, headers, body }) => {
          response.writeHead(statusCode, headers as Record<string, string>);
          return body;
        });
        pipe(incoming, through, response, () => {});
      };
    case "onceover": {
      const forwarder = nodeForward();
      const to = { revision: "r2", address, headers: [["Via", "1.1 bench"]] as const };
      return (incoming, response) => forwarder.node(incoming, response, to);
    }
    // no default
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}
