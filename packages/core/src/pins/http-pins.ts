// By the front door: what is thrown here has to be of the very class that is looked for there.
import { OnceoverError } from "@onceover/core";
import { check, type Rules } from "../check-options.js";
import { kindOf } from "../key-ring.js";
import { runtime } from "../platform.js";

/** Options of `httpPins`. */
export interface HttpPinsOptions {
  /** Where the pins are, by http or https. From configuration, never from a request. */
  readonly url: string | URL;
  /** What the request is sent by. @default the runtime's own */
  readonly fetch?: typeof fetch | undefined;
  /** How long a reading may take, body included, until it rejects, in milliseconds. @default 2000 */
  readonly timeoutMs?: number | undefined;
  /** Sent along, such as `Authorization`. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Pins are a few short texts; what is longer is something else. */
const MAX_BYTES = 65_536;
const LONGEST_MS = 2 ** 31 - 1;

/** Of `url` and `headers` nothing is shown here: both may hold secrets. */
const RULES: Rules = {
  url: [() => true, "must be a URL"],
  fetch: [(value) => typeof value === "function", "must be a function"],
  timeoutMs: [
    (value) => Number.isFinite(value) && Number(value) > 0 && Number(value) <= LONGEST_MS,
    "must be a positive number of milliseconds below 2^31",
  ],
  headers: [() => true, "must be header values by name"],
};

/**
 * Makes a reader of the pins that the backend has, for where it tells them over HTTP: status 200 and a JSON object of at most
 * 64 KiB. It reads once for each call and follows no redirects. It rejects with `OnceoverError` `store-unavailable` where the
 * answer does not come in time, or is another one.
 *
 * @throws {TypeError} when an option breaks its rule
 */
export function httpPins(options: HttpPinsOptions): () => Promise<Readonly<Record<string, unknown>>> {
  check("httpPins", RULES, options, ["url"]);
  const { fetch: send = globalThis.fetch, timeoutMs = 2000 } = options;
  const url = checkedUrl(options.url);
  const headers = checkedHeaders(options.headers);

  return async function readPins() {
    const controller = new AbortController();
    let cancel = () => {};
    // A fetch of the application's own may not heed the signal.
    const late = new Promise<never>((_, reject) => {
      cancel = runtime.timer(timeoutMs, () => reject(new Error(`there was no whole answer within ${timeoutMs} ms`)));
    });
    try {
      const answer = send(url.href, { headers, redirect: "manual", signal: controller.signal });
      return await Promise.race([answer.then(pinsOf), late]);
    } catch (cause) {
      throw unreadable(url, cause);
    } finally {
      cancel();
      // Ends what nobody waits for any more; what was read to its end it leaves alone.
      controller.abort();
    }
  };
}

/** No URL is shown that cannot be taken apart: it might hold a password. */
function checkedUrl(given: unknown): URL {
  const url = given instanceof URL || typeof given === "string" ? parsed(String(given)) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(`url must be an absolute URL of http or https, got ${kindOf(given)}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("url must have neither user name nor password; a header can say who asks");
  }
  return url;
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** What is wrong with a value is not shown: most of them are secrets. */
function checkedHeaders(given: HttpPinsOptions["headers"] = {}): Headers {
  try {
    const headers = new Headers(given);
    if (!headers.has("accept")) headers.set("Accept", "application/json");
    return headers;
  } catch {
    throw new TypeError("headers must be an object of header values by name, of characters that a header can have");
  }
}

async function pinsOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  if (response.status !== 200) throw new Error(`it answered ${response.status}, not 200`);
  const value = parsedJson(await textOf(response));
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("it answered no JSON object");
  // What a JSON parser makes of an object has its members by name.
  return value as Readonly<Record<string, unknown>>;
}

async function textOf({ body }: Response): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = body.getReader();
  for (let text = "", sizeBytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    sizeBytes += value.length;
    if (sizeBytes > MAX_BYTES) throw new Error(`it answered more than ${MAX_BYTES} bytes`);
    text += decoder.decode(value, { stream: true });
  }
}

/** Nothing where the text is no JSON: an error of the parser's would quote it. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Without its query, which may hold a secret. */
function unreadable({ origin, pathname }: URL, cause: unknown): OnceoverError {
  return new OnceoverError("store-unavailable", `the pins could not be read from ${origin}${pathname}: ${why(cause)}`, {
    cause,
  });
}

/** Fetch says no more than that it failed, and keeps the reason beside it. */
function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, message } = error;
  return cause instanceof Error && cause.message !== "" ? `${message}: ${cause.message}` : message;
}
