import { createAdaptorServer } from "@hono/node-server";
import { type Listening, listen } from "./listen.js";

type Fetch = (request: Request) => Response | Promise<Response>;

interface BunRuntime {
  serve(options: { hostname: string; port: number; idleTimeout: number; development: false; fetch: Fetch }): {
    readonly port: number;
    stop(closeActiveConnections: true): Promise<void>;
  };
}

interface DenoRuntime {
  serve(
    options: { hostname: string; port: number; signal: AbortSignal; onListen(): void },
    fetch: Fetch,
  ): { readonly addr: { readonly port: number }; readonly finished: Promise<void> };
}

const { Bun, Deno } = globalThis as { readonly Bun?: BunRuntime; readonly Deno?: DenoRuntime };
const HOST = "127.0.0.1";

/** Serves a fetch handler on a free port, by the server of the runtime this is: Bun's, Deno's, or Node's through Hono. */
export async function serve(fetch: Fetch): Promise<Listening> {
  if (Bun !== undefined) return onBun(Bun, fetch);
  if (Deno !== undefined) return onDeno(Deno, fetch);
  return listen(createAdaptorServer({ fetch }));
}

/** Left to itself, Bun ends a connection that is silent for ten seconds. */
function onBun(bun: BunRuntime, fetch: Fetch): Listening {
  const server = bun.serve({ hostname: HOST, port: 0, idleTimeout: 0, development: false, fetch });
  return { url: `http://${HOST}:${server.port}`, close: () => server.stop(true) };
}

function onDeno(deno: DenoRuntime, fetch: Fetch): Listening {
  const { abort, signal } = stoppable();
  const { addr, finished } = deno.serve({ hostname: HOST, port: 0, signal, onListen() {} }, fetch);
  return {
    url: `http://${HOST}:${addr.port}`,
    close() {
      abort();
      return finished;
    },
  };
}

function stoppable(): { readonly signal: AbortSignal; abort(): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
