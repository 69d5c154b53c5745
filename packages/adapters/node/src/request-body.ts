import { Readable } from "node:stream";
import { isHttp2, type NodeRequest } from "./node-request.js";

/** What there is of a request's body to be sent on. */
export type Body =
  | { readonly outcome: "none" }
  /** Still to come. */
  | { readonly outcome: "stream"; readonly stream: Readable }
  /** A parser has read it, and kept its bytes. */
  | { readonly outcome: "bytes"; readonly bytes: Uint8Array }
  /** Somebody has read it, and what is left of it is not what came. */
  | { readonly outcome: "consumed" };

/** Finds the body; nothing of it is read before somebody asks for it. */
export function bodyOf(request: NodeRequest & { readonly body?: unknown }): Body {
  if (!hasBody(request)) return { outcome: "none" };
  if (!request.readableDidRead && !request.readableEnded) return { outcome: "stream", stream: streamOf(request) };
  const { body } = request;
  return body instanceof Uint8Array && isAsItCame(request, body)
    ? { outcome: "bytes", bytes: body }
    : { outcome: "consumed" };
}

/** Whether a body follows the head. */
export function hasBody(request: NodeRequest): boolean {
  if (isHttp2(request)) return !request.stream.endAfterHeaders;
  const { headers } = request;
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Parsers of raw bodies undo content encodings, and say nothing about it. */
function isAsItCame({ headers }: NodeRequest, bytes: Uint8Array): boolean {
  const { "content-encoding": encoding = "identity", "content-length": length } = headers;
  return encoding === "identity" && (length === undefined || Number(length) === bytes.length);
}

/**
 * The body as a stream of its own: whoever sends it on destroys what he has read, and a request that is destroyed takes
 * its connection with it, on which an answer may be due. What nobody takes any more is read and dropped, so that the
 * connection comes to its next request.
 */
function streamOf(request: NodeRequest): Readable {
  let isAttached = false;
  const stream = new Readable({
    read() {
      if (!isAttached) {
        isAttached = true;
        request.on("data", take).on("end", end).on("close", closed).on("error", broken);
      }
      request.resume();
    },
    destroy(error, callback) {
      request.off("data", take).off("end", end).off("close", closed).off("error", broken);
      request.resume();
      callback(error);
    },
  });

  // Whoever sends it on hears of what breaks it; should nobody, that is no reason to end the process.
  stream.on("error", () => {});

  function take(chunk: Buffer): void {
    if (!stream.push(chunk)) request.pause();
  }

  function end(): void {
    if (isCut(request)) broken();
    else stream.push(null);
  }

  /** A request that came whole is closed while its last bytes wait for whoever takes them, were it for a connection to be made. */
  function closed(): void {
    if (!request.readableEnded || isCut(request)) broken();
  }

  function broken(): void {
    stream.destroy(new Error("the client left in the middle of its body"));
  }

  return stream;
}

/** HTTP/2 ends a body that was cut off like any other; which of its two ends is told first, it leaves open. */
function isCut(request: NodeRequest): boolean {
  return isHttp2(request) ? request.stream.aborted || request.stream.rstCode !== 0 : !request.complete;
}
