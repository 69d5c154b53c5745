import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { watchReadiness } from "./readiness.js";
import { count } from "./tally.js";

/** A round-robin front, with the habits of real ones: it asks each worker ten times a second whether it is ready, too. */
export interface Front {
  readonly port: number;
  /** How many requests it sent a second time, to the other worker, without asking the client. */
  resent(): number;
  /** How many requests a worker took without answering them whole, though their clients waited. */
  lostBy(port: number): number;
  close(): Promise<void>;
}

/** How the front is set up. */
export interface FrontOptions {
  /** Ports of the workers that are up. */
  readonly ports: () => readonly number[];
  /** How long it waits for a worker's answer, in milliseconds. */
  readonly patienceMs: number;
  /** Whether a POST that a worker did not answer is sent to the other one: nginx `non_idempotent`, HAProxy `retry-on all-retryable-errors`. */
  readonly resends: () => boolean;
}

type Failure = "refused" | "lost" | "timed-out";

/** Starts the front on a free port of 127.0.0.1. */
export async function startFront({ ports, patienceMs, resends }: FrontOptions): Promise<Front> {
  const agent = new Agent({ keepAlive: true });
  const readiness = watchReadiness(ports);
  const lost = new Map<number, number>();
  let turn = 0;
  let resentCount = 0;

  function nextPort(): number | undefined {
    const up = ports().filter(readiness.isReady);
    turn += 1;
    return up[turn % up.length];
  }

  const server = createServer((request, response) => {
    const body: Buffer[] = [];
    request.on("data", (chunk: Buffer) => body.push(chunk));
    forward(request, response, request, (failure) => {
      const isFree = failure === "refused" || resends();
      if (!isFree || !request.complete) return answer(response, failure);
      if (failure !== "refused") resentCount += 1;
      forward(request, response, body, (again) => answer(response, again));
    });
  });
  server.keepAliveTimeout = 60_000;

  /** Hands the request to the next worker, and its answer to the client; `fail` is called where there is none. */
  function forward(
    request: IncomingMessage,
    response: ServerResponse,
    body: IncomingMessage | readonly Buffer[],
    fail: (failure: Failure) => void,
  ): void {
    const port = nextPort();
    if (port === undefined) return fail("refused");
    const { method, url: path, headers } = request;
    const upstream = httpRequest({ host: "127.0.0.1", port, method, path, headers, agent });
    let failure: Failure = "lost";
    const lose = () => count(lost, port);
    const timer = setTimeout(() => {
      failure = "timed-out";
      upstream.destroy(new Error("the worker did not answer"));
    }, patienceMs);
    // A client that leaves is told to the worker.
    const leave = () => upstream.destroy();
    response.once("close", leave);
    upstream.once("response", (answered) => {
      clearTimeout(timer);
      response.writeHead(answered.statusCode ?? 502, endToEnd(answered.rawHeaders));
      answered.pipe(response);
      answered.once("error", () => {
        if (!response.destroyed) lose();
        response.destroy();
      });
    });
    upstream.on("error", (error) => {
      clearTimeout(timer);
      response.off("close", leave);
      if (response.headersSent || response.destroyed) return void response.destroy();
      if ("code" in error && error.code === "ECONNREFUSED") return fail("refused");
      if (failure === "lost") lose();
      fail(failure);
    });
    if ("pipe" in body) body.pipe(upstream);
    else upstream.end(Buffer.concat(body));
  }

  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });

  return {
    port,
    resent: () => resentCount,
    lostBy: (port) => lost.get(port) ?? 0,
    close() {
      readiness.close();
      agent.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(response: ServerResponse, failure: Failure): void {
  if (response.destroyed) return;
  response.writeHead(failure === "timed-out" ? 504 : 502, { "Content-Type": "text/plain" });
  response.end(failure === "timed-out" ? "no answer in time\n" : "no worker answered\n");
}

/** Header fields but those that are between the worker and the front. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    if (!/^(connection|keep-alive|transfer-encoding)$/i.test(name)) kept.push(name, value);
  }
  return kept;
}
