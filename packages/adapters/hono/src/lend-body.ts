import type { HonoRequest } from "hono";

const utf8 = new TextDecoder();

/**
 * Gives a Hono request the body that was read before, and the raw request only when it is asked for: most handlers read
 * `c.req.json()`, and to make a `Request` costs more than all the rest.
 */
export function lendBody(request: HonoRequest, bytes: Uint8Array<ArrayBuffer>, raw: () => Request): void {
  const text = Promise.resolve(utf8.decode(bytes));
  const arrayBuffer = Promise.resolve(bytes.length === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer);
  // Hono makes what is not there of what comes first, and a text cannot be made bytes again. Its types leave out the promises.
  Object.assign(request.bodyCache, { arrayBuffer, text });
  // Its own methods ask for the raw request even where they find the body kept.
  Object.assign(request, {
    text: () => text,
    json: () => text.then((whole): unknown => JSON.parse(whole)),
    arrayBuffer: () => arrayBuffer,
  });
  lendRaw(request, raw);
}

function lendRaw(request: HonoRequest, raw: () => Request): void {
  let made: Request | undefined;
  Object.defineProperty(request, "raw", {
    get() {
      made ??= raw();
      return made;
    },
    set(given: Request) {
      made = given;
    },
    configurable: true,
    enumerable: true,
  });
}
