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
    get target() {
      const { pathname, search } = new URL(request.url);
      return pathname + search;
    },
    header(name) {
      const value = request.headers.get(name);
      return value === null ? NONE : [value];
    },
    body: (maxBodyBytes) => body.read(maxBodyBytes),
    request: about,
  };
}
