import { type ClientHttp2Stream, connect, constants, type OutgoingHttpHeaders } from "node:http2";
import { type ClientConnection, createExchange, type ExchangeEvents } from "./adapter-exchange.js";
import { bodyOf, type ClientRequest, headerLines, linesOfFlat } from "./adapter-request.js";

/** A client of one HTTP/2 connection. The certificate of a server is not looked at. */
export function connectHttp2(url: string): ClientConnection {
  const session = connect(url, { rejectUnauthorized: false });
  // Its streams say so, too.
  session.on("error", () => {});
  return {
    open(request, send = "all") {
      const body = bodyOf(request);
      // Node's close() would end the body before it resets the stream.
      const hangUp = new AbortController();
      const stream = session.request(fieldsOf(request), {
        endStream: send === "all" && body === undefined,
        signal: hangUp.signal,
      });
      return createExchange((events) => {
        tell(stream, events);
        if (body !== undefined) stream.write(body);
        if (send === "all") stream.end();
        return {
          write: (piece) => void stream.write(piece),
          end: () => void stream.end(),
          hangUp: () => hangUp.abort(),
        };
      });
    },
    destroy: () => session.destroy(),
    get wasEnded() {
      return session.closed || session.destroyed;
    },
  };
}

function fieldsOf(request: ClientRequest): OutgoingHttpHeaders {
  const { method = "POST", path = "/pay" } = request;
  const lines = headerLines(request).map(([name, value]) => [name.toLowerCase(), value] as const);
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of lines) {
    const values = lines.filter(([each]) => each === name).map(([, each]) => each);
    fields[name] = values.length === 1 ? value : values;
  }
  return { ":method": method, ":path": path, ...fields };
}

function tell(stream: ClientHttp2Stream, events: ExchangeEvents): void {
  stream.on("continue", events.continued);
  stream.on("response", (...[, , flat]: readonly unknown[]) => {
    const lines = linesOfFlat(Array.isArray(flat) ? flat : []);
    const fields = lines.filter(([name]) => !name.startsWith(":"));
    events.head(Number(lines.find(([name]) => name === ":status")?.[1]), fields);
  });
  stream.on("data", events.data);
  // Node ends a stream that was reset, too.
  stream.on("end", () => stream.rstCode === constants.NGHTTP2_NO_ERROR && events.end());
  stream.on("error", () => {});
  stream.on("close", events.close);
}
