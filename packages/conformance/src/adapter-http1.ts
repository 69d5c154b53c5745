import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, Agent as TlsAgent } from "node:https";
import type { Socket } from "node:net";
import { type ClientConnection, createExchange, type ExchangeEvents } from "./adapter-exchange.js";
import { bodyOf, headerLines, linesOfFlat } from "./adapter-request.js";

/** A client of one connection that is kept open between requests. The certificate of a server is not looked at. */
export function connectHttp1(url: string): ClientConnection {
  const isTls = url.startsWith("https:");
  const options = { keepAlive: true, maxSockets: 1 };
  const agent = isTls ? new TlsAgent({ ...options, rejectUnauthorized: false }) : new Agent(options);
  const sockets = new Set<Socket>();
  const begin = isTls ? httpsRequest : httpRequest;
  return {
    open(request, send = "all") {
      const { method = "POST", path = "/pay", declared } = request;
      // Node adds no Host to a list of headers.
      const headers = ["Host", new URL(url).host, ...headerLines(request).flat()];
      if (declared === "none") headers.push("Transfer-Encoding", "chunked");
      const sent = begin(`${url}${path}`, { method, agent, headers });
      sent.on("socket", (socket) => void sockets.add(socket.setNoDelay(true)));
      return createExchange((events) => {
        sent.on("continue", events.continued);
        sent.on("response", (response) => tell(response, events));
        // Whatever went wrong, the exchange is over.
        sent.on("error", events.close).on("close", events.close);
        const body = bodyOf(request);
        if (send === "all") sent.end(body);
        else if (body === undefined) sent.flushHeaders();
        else sent.write(body);
        return {
          write: (piece) => void sent.write(piece),
          end: () => void sent.end(),
          hangUp: () => void sent.destroy(),
        };
      });
    },
    destroy: () => agent.destroy(),
    get wasEnded() {
      return [...sockets].some(({ destroyed }) => destroyed);
    },
  };
}

function tell(response: IncomingMessage, events: ExchangeEvents): void {
  events.head(response.statusCode ?? 0, linesOfFlat(response.rawHeaders));
  response.on("data", events.data);
  response.on("end", () => response.complete && events.end());
  // An answer that is cut off says so here; the request's `close` follows.
  response.on("error", () => {});
}
