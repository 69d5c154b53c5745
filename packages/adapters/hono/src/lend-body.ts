import type { TakenBody } from "@onceover/fetch";
import type { HonoRequest } from "hono";

/**
 * Gives a Hono request the body that was read before, and the raw request only when it is asked for: most handlers read
 * `c.req.json()`, and to make a `Request` costs more than all the rest.
 */
export function lendBody(
  request: HonoRequest,
  taken: TakenBody,
  bytes: Uint8Array<ArrayBuffer>,
  raw: () => Request,
): void {
  const text = Promise.resolve(taken.text());
  const arrayBuffer = Promise.resolve(bytes.length === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer);
  // Hono makes what is not there of what comes first, and a text cannot be made bytes again. Its types leave out the promises.
  Object.assign(request.bodyCache, { arrayBuffer, text });
  // Its own methods ask for the raw request even where they find the body kept.
  Object.assign(request, {
    text: () => text,
    json: async () => taken.json(),
    arrayBuffer: () => arrayBuffer,
  });
  lendRaw(request, raw);
}

const RAW: unique symbol = Symbol("onceover.raw");

type Lent = HonoRequest & { [RAW]?: Request | (() => Request) };

/** One for all requests: a getter of each one's own would keep it in memory until the next full garbage collection. */
const LENT_RAW: PropertyDescriptor & ThisType<Lent> = {
  get() {
    const kept = this[RAW];
    if (typeof kept !== "function") return kept;
    this[RAW] = kept();
    return this[RAW];
  },
  set(given: Request) {
    this[RAW] = given;
  },
  configurable: true,
  enumerable: true,
};

function lendRaw(request: Lent, raw: () => Request): void {
  request[RAW] = raw;
  Object.defineProperty(request, "raw", LENT_RAW);
}
