import type { Once, Pinned } from "@onceover/core";
import type { TakenBody } from "./body.js";

/** A request as a handler gets it: `once` is there for one that carries an idempotency key, `pinned` where the instance has pins. */
export type OnceoverRequest<Incoming extends Request = Request> = Incoming & {
  readonly once?: Once;
  readonly pinned?: Pinned;
};

const handedOn = new WeakSet<Request>();

/** Whether a mount further out has claimed this request's key: where a request passes several, the first one counts. */
export function isHandedOn(request: Request): boolean {
  return handedOn.has(request);
}

/**
 * The request for a handler whose run was begun: a real `Request`, which `fetch` takes, with the body that was read
 * for the fingerprint, and a signal of its own. A client that hangs up does not abort the run, so it must not abort what
 * the handler passes the signal to either.
 */
export function handOn<Incoming extends Request>(
  request: Incoming,
  taken: TakenBody,
  once: Once,
): OnceoverRequest<Incoming> {
  const { bytes } = taken;
  const copiesNatively = isNative(request) && (bytes !== undefined || !request.bodyUsed);
  // No constructor takes a request whose body was read without another body in its place, were it an empty one.
  const isBodiless = bytes?.length === 0 && !(copiesNatively && request.bodyUsed);
  const body = isBodiless ? null : bytes;
  const next = copiesNatively ? new Request(request, { signal: null, ...given(body) }) : copyOf(request, body);
  // A validator before us may have kept it in another spelling.
  if (bytes !== undefined && next.headers.has("content-length")) {
    next.headers.set("content-length", String(bytes.length));
  }
  for (const name of extrasOf(Object.getPrototypeOf(request))) {
    Object.defineProperty(next, name, { get: () => Reflect.get(request, name), configurable: true });
  }
  Object.defineProperty(next, "once", { value: once, configurable: true });
  if (bytes !== undefined) readFrom(next, taken, bytes);
  handedOn.add(next);
  // The members that a platform's own kind of request has beside the standard ones were given just now.
  return next as OnceoverRequest<Incoming>;
}

/**
 * Lets the body that is at hand be read as it is, and again. By way of the request's own stream that would cost more than all
 * the rest of an adapter; whoever asks for the stream, or passes the request to `fetch`, has that.
 */
function readFrom(request: Request, taken: TakenBody, bytes: Uint8Array<ArrayBuffer>): void {
  const own = (read: () => unknown) => ({ value: async () => read(), configurable: true, writable: true });
  Object.defineProperties(request, {
    text: own(() => taken.text()),
    json: own(() => taken.json()),
    arrayBuffer: own(() => bytes.slice().buffer),
  });
}

function isNative(request: Request): boolean {
  return Object.getPrototypeOf(request) === Request.prototype;
}

/** `duplex` says, where a body is streamed, that the answer need not wait for its end. */
function given(body: RequestInit["body"] | undefined): RequestInit {
  if (body === undefined) return {};
  return body instanceof ReadableStream ? { body, duplex: "half" } : { body };
}

/** Of a subclass, or what only looks like a `Request`, or of one whose body is gone: no constructor would take those. */
function copyOf(request: Request, body: Uint8Array<ArrayBuffer> | null | undefined): Request {
  const { url, method, headers } = request;
  const source = body === undefined && !request.bodyUsed ? request.body : body;
  return new Request(url, { method, headers, signal: null, ...given(source) });
}

const extras = new WeakMap<object, readonly string[]>();

/** What a platform's own kind of request has beside the standard members, such as Next's `nextUrl` and `cookies`. */
function extrasOf(prototype: object): readonly string[] {
  const known = extras.get(prototype);
  if (known !== undefined) return known;
  const names: string[] = [];
  for (let at: object | null = prototype; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    names.push(...Object.getOwnPropertyNames(at).filter((name) => !(name in Request.prototype)));
  }
  extras.set(prototype, names);
  return names;
}
