/** What a client sends, again and again until it has its answer, and what it has seen of it. */

import { type Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** A request as a user means it; one with a key may be meant more than once. */
export type Wish =
  | { readonly kind: "balance" | "tokens" }
  | { readonly kind: "payment" | "completion"; readonly key: string };

/** What came of one try. */
export type Outcome =
  | { readonly outcome: "answered"; readonly status: number; readonly body: string; readonly isReplayed: boolean }
  /** An empty event stream: the client is to come again. */
  | { readonly outcome: "told-to-come-again" }
  /** Refused, or no server was there: nothing has happened that a retry would repeat. */
  | { readonly outcome: "refused"; readonly status: number; readonly code: string | undefined }
  /** No answer began. */
  | { readonly outcome: "lost" }
  /** An answer began, and was cut off. */
  | { readonly outcome: "cut" };

/** One try, and the server that it met, by the name that the balancer has for it. */
export interface Try {
  readonly arrival: string;
  readonly servedBy: string | undefined;
  readonly outcome: Outcome;
}

/** A wish with all that was done about it. The last try holds its answer; any other outcome there means that it failed. */
export interface Asked {
  readonly wish: Wish;
  readonly tries: readonly Try[];
}

const PATIENCE_MS = 60_000;
const MOST_TRIES = 12;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/** Sends a wish until it is answered, twelve times at most, always by the same key. What was cut off is not asked for again: it failed. */
export async function pursue(port: number, agent: Agent, wish: Wish, onTry: (one: Try) => void): Promise<Asked> {
  const tries: Try[] = [];
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    const one = await sendOnce(port, agent, wish);
    tries.push(one);
    onTry(one);
    const { outcome } = one.outcome;
    if (outcome === "answered" || outcome === "cut" || tries.length === MOST_TRIES) return { wish, tries };
    await sleep(Math.min(pauseMs, LONGEST_PAUSE_MS));
  }
}

async function sendOnce(port: number, agent: Agent, wish: Wish): Promise<Try> {
  const arrival = crypto.randomUUID();
  const chunks: Buffer[] = [];
  const response = await exchange(port, agent, wish, arrival, (chunk) => chunks.push(chunk));
  const servedBy = response?.headers["served-by"];
  const outcome = outcomeOf(response, Buffer.concat(chunks).toString());
  return { arrival, servedBy: typeof servedBy === "string" ? servedBy : undefined, outcome };
}

/** Settles when nothing more comes; never rejects. */
function exchange(
  port: number,
  agent: Agent,
  wish: Wish,
  arrival: string,
  onData: (chunk: Buffer) => void,
): Promise<IncomingMessage | undefined> {
  const { method, path, headers, body } = messageOf(wish);
  return new Promise((resolve) => {
    let answered: IncomingMessage | undefined;
    const request = httpRequest({ host: "127.0.0.1", port, agent, method, path, timeout: PATIENCE_MS });
    for (const [name, value] of Object.entries({ ...headers, "X-Arrival": arrival })) request.setHeader(name, value);
    request.on("timeout", () => request.destroy());
    request.on("response", (response) => {
      answered = response;
      response.on("data", onData);
      // That it was cut off is told by its not being complete.
      response.on("error", () => {});
    });
    // What became of it is told when it is closed.
    request.on("error", () => {});
    request.on("close", () => resolve(answered));
    request.end(body);
  });
}

function messageOf(wish: Wish) {
  switch (wish.kind) {
    case "balance":
      return { method: "GET", path: "/balance", headers: {}, body: "" };
    case "tokens":
      return { method: "GET", path: "/tokens", headers: { Accept: "text/event-stream" }, body: "" };
    case "payment":
      return { method: "POST", path: "/payments", headers: keyed(wish.key), body: '{"amount":100}' };
    case "completion":
      return { method: "POST", path: "/completions", headers: keyed(wish.key), body: '{"prompt":"bees"}' };
    // no default
  }
}

function keyed(key: string) {
  return { "Idempotency-Key": `"${key}"`, "Content-Type": "application/json" };
}

const LATER: ReadonlySet<number> = new Set([409, 502, 503, 504]);

function outcomeOf(response: IncomingMessage | undefined, body: string): Outcome {
  if (response === undefined) return { outcome: "lost" };
  if (!response.complete) return { outcome: "cut" };
  const { statusCode: status = 0, headers } = response;
  if (LATER.has(status)) return { outcome: "refused", status, code: codeIn(headers["content-type"], body) };
  if (/^retry: \d+\n\n$/.test(body)) return { outcome: "told-to-come-again" };
  return { outcome: "answered", status, body, isReplayed: headers["idempotency-replayed"] === "true" };
}

function codeIn(type: string | undefined, body: string): string | undefined {
  return type === "application/problem+json" ? String(JSON.parse(body).code) : undefined;
}
