import { type Agent, request as httpRequest, type IncomingMessage } from "node:http";
import type { Delivery } from "./deliveries.js";
import type { Manner } from "./plan.js";

/** An answer. */
export interface Answered {
  readonly outcome: "answered";
  readonly status: number;
  readonly body: string;
  /** The header lines, names and values. */
  readonly head: string;
  /** The answer was recorded by another request of the key. */
  readonly replayed: boolean;
  /** The server that gave it, where the front says so in `Served-By`. */
  readonly servedBy?: string;
  /** The `code` of a problem. */
  readonly code?: string;
  /** The `executed` of a problem. */
  readonly executed?: boolean | "unknown";
  readonly tookMs: number;
}

/** What came of one request. */
export type Sent = Answered | { readonly outcome: "timed-out" | "hung-up" | "broke-off" | "connection-lost" };

/** How long a patient client waits for an answer, in milliseconds. */
const PATIENCE_MS = 5_000;

/** Sends a request once. Never rejects. */
export function sendOnce(
  to: { readonly port: number; readonly agent: Agent },
  delivery: Delivery,
  manner: Manner,
): Promise<Sent> {
  const { path, headers, body } = delivery;
  const beganMs = performance.now();
  return new Promise((resolve) => {
    const request = httpRequest({ host: "127.0.0.1", port: to.port, agent: to.agent, method: "POST", path, headers });
    const timer = leaveAfter(manner, (outcome) => settle({ outcome }));
    request.on("error", () => settle({ outcome: "connection-lost" }));
    request.once("response", (response) => {
      readAll(response).then(
        (text) => settle(answered(response, text, performance.now() - beganMs)),
        () => settle({ outcome: "connection-lost" }),
      );
    });
    if (manner.manner === "breaks-off") {
      request.write(body.subarray(0, body.length / 2), () => settle({ outcome: "broke-off" }));
    } else {
      request.end(body);
    }

    function settle(sent: Sent): void {
      clearTimeout(timer);
      // Who only lost patience leaves the connection as it is: the answer may still come, and nobody listens.
      if (sent.outcome === "hung-up" || sent.outcome === "broke-off") request.destroy();
      resolve(sent);
    }
  });
}

function leaveAfter(manner: Manner, leave: (outcome: "timed-out" | "hung-up") => void): NodeJS.Timeout {
  if (manner.manner === "hangs-up") return setTimeout(leave, manner.afterMs, "hung-up");
  return setTimeout(leave, manner.manner === "times-out" ? manner.afterMs : PATIENCE_MS, "timed-out");
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function answered(response: IncomingMessage, body: string, tookMs: number): Sent {
  const { statusCode: status = 0, headers } = response;
  const replayed = headers["idempotency-replayed"] === "true";
  const isProblem = headers["content-type"] === "application/problem+json";
  const { code, executed }: Pick<Answered, "code" | "executed"> = isProblem ? JSON.parse(body) : {};
  const servedBy = typeof headers["served-by"] === "string" ? { servedBy: headers["served-by"] } : {};
  const problem = { ...(code === undefined ? {} : { code }), ...(executed === undefined ? {} : { executed }) };
  const head = response.rawHeaders.join("\n");
  return { outcome: "answered", status, body, head, replayed, tookMs, ...problem, ...servedBy };
}
