import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import type { BodyFacts } from "@onceover/core";

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
export async function readBody(
  request: IncomingMessage & { readonly body?: unknown },
  maxBodyBytes: number,
): Promise<BodyFacts> {
  if (!hasBody(request)) return EMPTY;
  // A parser that did not recognise the media type may have set `body` and left the stream alone.
  if (request.readableDidRead || request.readableEnded) {
    return request.body === undefined ? { outcome: "consumed" } : { outcome: "parsed", value: request.body };
  }
  if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) return { outcome: "too-large" };
  const whole = await peek(request, maxBodyBytes);
  return typeof whole === "string"
    ? { outcome: whole }
    : decode(whole, request.headers["content-encoding"], maxBodyBytes);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Collects the body and puts it back in the same tick, before the stream can say that it ended. */
function peek(request: IncomingMessage, maxBodyBytes: number): Promise<Uint8Array | "too-large" | "broken"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;

    function take(): void {
      // read() on an empty stream that has ended would end it for good.
      while (request.readableLength > 0) {
        const chunk: Buffer = request.read();
        chunks.push(chunk);
        sizeBytes += chunk.length;
      }
      if (sizeBytes > maxBodyBytes) settle("too-large");
      else if (request.complete) settle(putBack());
    }

    function putBack(): Uint8Array {
      const whole = Buffer.concat(chunks);
      if (whole.length > 0) request.unshift(whole);
      return whole;
    }

    function broken(): void {
      settle("broken");
    }

    function settle(result: Uint8Array | "too-large" | "broken"): void {
      request.off("readable", take).off("close", broken).off("error", broken);
      resolve(result);
    }

    if (request.destroyed) return resolve("broken");
    request.on("close", broken).on("error", broken);
    // Everything may be here already, and then no event will say so.
    if (request.complete) take();
    else request.on("readable", take);
  });
}

async function decode(bytes: Uint8Array, encoding: string | undefined, maxBodyBytes: number): Promise<BodyFacts> {
  const name = encoding?.trim().toLowerCase() ?? "";
  if (!isDecodable(name)) return { outcome: "bytes", bytes };
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
