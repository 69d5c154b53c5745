import type { RequestFacts } from "@onceover/core";
import type { TakenBody } from "./body.js";

const NONE: readonly string[] = [];

/**
 * Reads the facts of a fetch `Request`; `about` is what the application's own functions are given for it. Fetch joins the
 * lines of one header by a comma, which no key has outside quotes: two keys are refused as one that cannot be read.
 */
export function factsOf<About>(request: Request, body: TakenBody, about: About): RequestFacts<About> {
  return {
    method: request.method,
    target: targetOf(request.url),
    header(name) {
      const value = request.headers.get(name);
      return value === null ? NONE : [value];
    },
    body: (maxBodyBytes) => body.read(maxBodyBytes),
    request: about,
  };
}

/** Path and query of a request's URL, which is whole and in its normal form: no other is let through by `Request`. */
function targetOf(url: string): string {
  const from = url.indexOf("/", url.indexOf("://") + 3);
  const to = url.indexOf("#", from);
  return to === -1 ? url.slice(from) : url.slice(from, to);
}
