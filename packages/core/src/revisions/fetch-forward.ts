import type { Answer } from "../answer.js";
import { check, type Rules } from "../check-options.js";
import { codeOf } from "../error.js";
import { runtime } from "../platform.js";
import { type ForwardFailure, forwardFailure } from "./forward-failure.js";
import type { Forwarder } from "./forwarder.js";
import { passedAnswerHeaders, passedRequestHeaders } from "./passed-headers.js";

/** Options of `fetchForward`. */
export interface FetchForwardOptions {
  /** What requests are sent by; it has to heed its `signal`. @default the runtime's own */
  readonly fetch?: typeof fetch | undefined;
  /**
   * How long to wait for the head of an answer, from the beginning, upload included, in milliseconds.
   * @default what the runtime has
   */
  readonly timeoutMs?: number | undefined;
}

/** A forwarder for adapters on `Request` and `Response`. */
export type FetchForwarder = Required<Pick<Forwarder, "fetch">>;

const LONGEST_MS = 2 ** 31 - 1;

const RULES: Rules = {
  fetch: [(value) => typeof value === "function", "must be a function"],
  timeoutMs: [
    (value) => Number.isFinite(value) && Number(value) > 0 && Number(value) <= LONGEST_MS,
    "must be a positive number of milliseconds below 2^31",
  ],
};

/** Ways to fail before there is a connection. */
const UNCONNECTED: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Statuses that the fetch standard allows no body for. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** Methods that ask for no effect, and that fetch sends without a body. */
const EFFECTLESS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/**
 * Makes a forwarder that streams requests to another revision by fetch, and its answers back: for the edge, and wherever
 * there are Web APIs alone.
 *
 * The target is asked for the path and query of the request's URL, on its own origin, and told the host and protocol that
 * were asked in `X-Forwarded-Host` and `X-Forwarded-Proto`; all else of that kind, which anybody can send, is dropped. Fetch
 * itself says `Host`, and on some runtimes `Sec-Fetch-Mode` and what the client has left out, such as `Accept`. Bodies are asked
 * for without content encoding, because fetch hands them out without it. WebSockets cannot be passed on.
 *
 * Fetch does not tell whether anything of a request that failed has left. Where there was no connection, or the request asks
 * for no effect, the answer is 503 `revision-unreachable`; else, and where the time was over, it is 502 `forward-failed`.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * const forward = fetchForward({ timeoutMs: 60_000 });
 */
export function fetchForward(options: FetchForwardOptions = {}): FetchForwarder {
  check("fetchForward", RULES, options);
  const { fetch: send = globalThis.fetch, timeoutMs } = options;

  return {
    async fetch(request, target) {
      const ways = waysOf(request.url, target.address);
      const body = bodyOf(request);
      if (ways === undefined || body === undefined) return problem(forwardFailure(target, "unsendable"));
      const controller = new AbortController();
      const abort = () => controller.abort();
      abortWith(request.signal, abort);
      const cancel = timeoutMs === undefined ? () => {} : runtime.timer(timeoutMs, abort);
      try {
        const answer = await send(ways.to, {
          method: request.method,
          headers: passedRequestHeaders(request.headers, body !== null, ways.asked, target),
          redirect: "manual",
          signal: controller.signal,
          ...(body === null ? {} : { body, duplex: "half" as const }),
        });
        if (isSendable(answer)) return passedOn(request, answer);
        abort();
        return problem(forwardFailure(target, "unanswered", { detail: "An answer came that cannot be passed on." }));
      } catch (error) {
        return problem(forwardFailure(target, failureOf(request, error, controller.signal.aborted), { cause: error }));
      } finally {
        cancel();
      }
    },
  };
}

/** What was asked for, and where that is at the target; `undefined` where it is nowhere there. */
function waysOf(url: string, address: string): { readonly asked: URL; readonly to: string } | undefined {
  const [asked, base] = [httpUrl(url), httpUrl(address)];
  if (asked === undefined || base === undefined || base.href !== `${base.origin}/`) return undefined;
  // No request tells its server. The rest is path and query to the letter, as the request has them.
  asked.username = "";
  asked.password = "";
  const to = base.origin + asked.href.slice(asked.origin.length);
  // The path begins with a slash, so that nothing in it can be taken for a host; should it be all the same, it goes nowhere.
  const meant = httpUrl(to);
  return meant?.origin === base.origin && meant.href === to ? { asked, to } : undefined;
}

function httpUrl(text: string): URL | undefined {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The body to send; `undefined` where there is one that cannot be sent: somebody has read it, or is about to, or it came with
 * a method that has none for fetch. Of `Content-Length: 0` some runtimes make a body that is empty.
 */
function bodyOf({ method, headers, body, bodyUsed }: Request): ReadableStream<Uint8Array> | null | undefined {
  if (EFFECTLESS.has(method)) return body === null || headers.get("content-length") === "0" ? null : undefined;
  return bodyUsed || body?.locked === true ? undefined : body;
}

function abortWith(signal: AbortSignal, abort: () => void): void {
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
}

/** A `Response` can have no other status; 0 is what browsers make of a redirect. */
function isSendable({ status }: Response): boolean {
  return status >= 200 && status <= 599;
}

function passedOn({ method }: Request, answer: Response): Response {
  const { status, statusText } = answer;
  const body = method === "HEAD" || BODILESS.has(status) ? null : answer.body;
  return new Response(body, { status, statusText, headers: passedAnswerHeaders(answer) });
}

function failureOf({ method }: Request, error: unknown, isOver: boolean): ForwardFailure {
  return isUnconnected(error) || (EFFECTLESS.has(method) && !isOver) ? "unconnected" : "unanswered";
}

/** Fetch says no more than that it failed. Node keeps the reason beside it, Bun has its code, and Deno, which has none, its words. */
function isUnconnected(error: unknown): boolean {
  const { cause } = Object(error);
  return [error, cause].some((each) => UNCONNECTED.has(codeOf(each))) || DENO_UNCONNECTED.test(Object(cause).message);
}

const DENO_UNCONNECTED = /: client error \(Connect\): /;

function problem({ status, headers, chunks }: Answer): Response {
  const lines = headers.map(([name, value]): [string, string] => [name, value]);
  const decoder = new TextDecoder();
  return new Response(chunks.map((chunk) => decoder.decode(chunk)).join(""), { status, headers: lines });
}
