import type { ClientConnection } from "./adapter-exchange.js";
import { connectHttp1 } from "./adapter-http1.js";
import { connectHttp2 } from "./adapter-http2.js";
import type { ClientAnswer, ClientRequest } from "./adapter-request.js";
import type { AdapterSuite } from "./adapter-suite.js";

/** Makes a client that has sent nothing yet. */
export function connect(url: string, protocol: AdapterSuite["protocol"]): ClientConnection {
  return protocol === "h2" ? connectHttp2(url) : connectHttp1(url);
}

/** Sends one request on a connection of its own; rejects where the answer is cut off. `signal` hangs up. */
export async function send(
  connection: ClientConnection,
  request: ClientRequest,
  signal?: AbortSignal,
): Promise<ClientAnswer> {
  const exchange = connection.open(request);
  signal?.addEventListener("abort", exchange.hangUp);
  try {
    return await exchange.answer();
  } finally {
    signal?.removeEventListener("abort", exchange.hangUp);
    connection.destroy();
  }
}
