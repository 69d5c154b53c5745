import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import type { BodyFacts } from "@onceover/core";
import { isHttp2, type NodeRequest } from "./node-request.js";

const EMPTY: BodyFacts = { outcome: "bytes", bytes: new Uint8Array(0) };

/** Undoes the content encodings that body parsers undo; with any other, the bytes are compared as they came. */
const DECODERS = {
  gzip: promisify(gunzip),
  "x-gzip": promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
} as const;

/**
 * Reads a request's body and leaves it where it was, for whatever parser comes after. Where a parser came before, its
 * result is what there is.
 */
export function readBody(
  request: NodeRequest & { readonly body?: unknown },
  maxBodyBytes: number,
): BodyFacts | Promise<BodyFacts> {
  if (!hasBody(request)) return EMPTY;
  // A parser that did not recognise the media type may have set `body` and left the stream alone.
  if (request.readableDidRead || request.readableEnded) {
    return request.body === undefined ? { outcome: "consumed" } : { outcome: "parsed", value: request.body };
  }
  if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) return { outcome: "too-large" };
  return peek(request, maxBodyBytes).then((whole) =>
    typeof whole === "string" ? { outcome: whole } : decode(whole, request.headers["content-encoding"], maxBodyBytes),
  );
}

function hasBody(request: NodeRequest): boolean {
  // HTTP/2 says by a flag whether a body follows.
  if (isHttp2(request)) return !request.stream.endAfterHeaders;
  const { headers } = request;
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** HTTP/2 calls a request complete whose client has gone, and ends a body that was cut off like any other. */
function isWhole(request: NodeRequest): boolean {
  return isHttp2(request) ? request.stream.readableEnded && !request.stream.aborted : request.complete;
}

/** Collects the body and puts it back in the same tick, before the stream can say that it ended. */
function peek(request: NodeRequest, maxBodyBytes: number): Promise<Uint8Array | "too-large" | "broken"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let isSettled = false;

    function take(): void {
      // Listeners that are taken away while an event is told are still told.
      if (isSettled) return;
      // read() on an empty stream that has ended would end it for good.
      while (request.readableLength > 0) {
        const chunk: Buffer = request.read();
        chunks.push(chunk);
        sizeBytes += chunk.length;
      }
      if (sizeBytes > maxBodyBytes) settle("too-large");
      else if (isWhole(request)) settle(putBack());
    }

    function putBack(): Uint8Array {
      const whole = (chunks.length === 1 ? chunks[0] : undefined) ?? Buffer.concat(chunks);
      if (whole.length > 0) request.unshift(whole);
      return whole;
    }

    function broken(): void {
      settle("broken");
    }

    function settle(result: Uint8Array | "too-large" | "broken"): void {
      isSettled = true;
      request.off("readable", take).off("close", broken).off("error", broken);
      if (isHttp2(request)) request.stream.off("end", take);
      resolve(result);
    }

    if (request.destroyed) return resolve("broken");
    request.on("close", broken).on("error", broken);
    // Everything may be here already, and then no event will say so.
    if (isWhole(request)) return take();
    request.on("readable", take);
    // By then the request has all of the body, and has not told anybody that it ended.
    if (isHttp2(request)) request.stream.on("end", take);
  });
}

function decode(bytes: Uint8Array, encoding: string | undefined, maxBodyBytes: number): BodyFacts | Promise<BodyFacts> {
  const name = encoding?.trim().toLowerCase() ?? "";
  return isDecodable(name) ? decoded(bytes, name, maxBodyBytes) : { outcome: "bytes", bytes };
}

async function decoded(bytes: Uint8Array, name: keyof typeof DECODERS, maxBodyBytes: number): Promise<BodyFacts> {
  try {
    return { outcome: "bytes", bytes: await DECODERS[name](bytes, { maxOutputLength: maxBodyBytes }) };
  } catch (error) {
    const isTooLarge = error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    return { outcome: isTooLarge ? "too-large" : "broken" };
  }
}

function isDecodable(name: string): name is keyof typeof DECODERS {
  return Object.hasOwn(DECODERS, name);
}
