import type { BodyFacts } from "@onceover/core";
import { joined } from "./answer.js";

/** A request's body, which can be read only once, for core to look at and for the handler to read after it. */
export interface TakenBody {
  /** Reads it, for `RequestFacts.body`. */
  read(maxBodyBytes: number): Promise<BodyFacts>;
  /** The bytes as they came, once `read` has them; `undefined` where the request still holds its body itself. */
  bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** The content encodings that are undone; with any other, the bytes are compared as they came. */
const FORMATS: ReadonlyMap<string, "gzip" | "deflate"> = new Map([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
]);

/**
 * Takes the body of a request. `kept` gives the bytes of one that was read before us, where whoever read it has kept
 * them.
 */
export function takeBody(request: Request, kept?: () => Promise<BodyFacts> | undefined): TakenBody {
  const taken: TakenBody = {
    bytes: undefined,
    async read(maxBodyBytes) {
      const whole = request.bodyUsed
        ? ((await kept?.()) ?? { outcome: "consumed" as const })
        : await collect(request, maxBodyBytes);
      if (whole.outcome !== "bytes") return whole;
      if (whole.bytes.length > maxBodyBytes) return { outcome: "too-large" };
      taken.bytes = joined([whole.bytes]);
      const encoding = request.headers.get("content-encoding");
      return encoding === null ? whole : decoded(taken.bytes, encoding, maxBodyBytes);
    },
  };
  return taken;
}

async function collect(request: Request, maxBodyBytes: number): Promise<BodyFacts> {
  const declared = request.headers.get("content-length");
  if (Number(declared ?? 0) > maxBodyBytes) return { outcome: "too-large" };
  try {
    // Servers hold a body to its declared length, and many read one whole faster than chunk by chunk.
    if (declared !== null) return { outcome: "bytes", bytes: new Uint8Array(await request.arrayBuffer()) };
    return await drained(request.body, maxBodyBytes);
  } catch {
    // A body that cannot be read to its end did not come whole; whatever the platform calls that.
    return { outcome: "broken" };
  }
}

async function drained(body: ReadableStream<Uint8Array> | null, maxBodyBytes: number): Promise<BodyFacts> {
  const chunks: Uint8Array[] = [];
  if (body === null) return { outcome: "bytes", bytes: joined(chunks) };
  const reader = body.getReader();
  for (let sizeBytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return { outcome: "bytes", bytes: joined(chunks) };
    sizeBytes += value.length;
    chunks.push(value);
    if (sizeBytes <= maxBodyBytes) continue;
    // Nobody wants the rest; whether the source takes notice is its own affair.
    reader.cancel().catch(() => {});
    return { outcome: "too-large" };
  }
}

async function decoded(bytes: Uint8Array<ArrayBuffer>, encoding: string, maxBodyBytes: number): Promise<BodyFacts> {
  const format = FORMATS.get(encoding.trim().toLowerCase());
  if (format === undefined || bytes.length === 0 || typeof DecompressionStream === "undefined") {
    return { outcome: "bytes", bytes };
  }
  try {
    const packed = new Response(bytes).body;
    return await drained(packed?.pipeThrough(new DecompressionStream(format)) ?? null, maxBodyBytes);
  } catch {
    // Not what its Content-Encoding says it is.
    return { outcome: "broken" };
  }
}
