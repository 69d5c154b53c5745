import { connect } from "node:net";
import type { Readable } from "node:stream";
import { Miniflare } from "miniflare";

/** A Worker in workerd, on a socket of its own. */
export interface RunningWorker {
  readonly url: string;
  stop(): Promise<void>;
}

/** Runs a bundled module as a Worker, without `nodejs_compat`. Nothing stands between its socket and a client. */
export async function startWorker(contents: string, compatibilityDate = "2026-04-01"): Promise<RunningWorker> {
  const miniflare = new Miniflare({
    modules: [{ type: "ESModule", path: "worker.mjs", contents }],
    compatibilityDate,
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    // It warns of each request that was cancelled while another one waited for it.
    handleRuntimeStdio: (out: Readable, err: Readable) => void [out.resume(), err.resume()],
  });
  await miniflare.ready;
  const { origin } = await miniflare.unsafeGetDirectURL();
  return { url: origin, stop: () => miniflare.dispose() };
}

/** Sends a keyed POST and hangs up without waiting for its answer, by a reset: only that cancels a request in workerd. */
export async function postAndReset(url: string, key: string, when: Promise<unknown>): Promise<void> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  const head = [`POST ${pathname}${search} HTTP/1.1`, `Host: ${host}`, `Idempotency-Key: ${key}`];
  socket.write(
    `${[...head, "Content-Type: text/plain;charset=UTF-8", "Content-Length: 8"].join("\r\n")}\r\n\r\namount=1`,
  );
  await when;
  socket.resetAndDestroy();
}
