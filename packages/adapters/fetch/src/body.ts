import type { BodyFacts } from "@onceover/core";
import { joined } from "./answer.js";

/** JSON that a handler reads as it is read here: in UTF-8. */
const JSON_TYPE = /^application\/json(; *charset=utf-8)?$/i;

const utf8 = new TextDecoder();

/** A request's body, which can be read only once, for core to look at and for the handler to read after it. */
export class TakenBody {
  /** The bytes as they came, once `read` has them; `undefined` where the request still holds its body itself. */
  bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly #request: Request;
  readonly #kept: (() => Promise<BodyFacts> | undefined) | undefined;
  #text: string | undefined;
  #value: unknown;

  /** `kept` gives the bytes of a body that was read before us, where whoever read it has kept them. */
  constructor(request: Request, kept?: () => Promise<BodyFacts> | undefined) {
    this.#request = request;
    this.#kept = kept;
  }

  /** Reads it, for `RequestFacts.body`. */
  async read(maxBodyBytes: number): Promise<BodyFacts> {
    const request = this.#request;
    const whole = request.bodyUsed
      ? ((await this.#kept?.()) ?? { outcome: "consumed" as const })
      : await collect(request, maxBodyBytes);
    if (whole.outcome !== "bytes") return whole;
    if (whole.bytes.length > maxBodyBytes) return { outcome: "too-large" };
    this.bytes = joined([whole.bytes]);
    const encoding = request.headers.get("content-encoding");
    if (encoding !== null) return decoded(this.bytes, encoding, maxBodyBytes);
    return JSON_TYPE.test(request.headers.get("content-type") ?? "") ? this.#parsed(whole) : whole;
  }

  /** What was parsed for the fingerprint need not be parsed once more for the handler. */
  #parsed(whole: Extract<BodyFacts, { outcome: "bytes" }>): BodyFacts {
    try {
      this.#value = this.json();
      return { ...whole, json: this.#value };
    } catch {
      return whole;
    }
  }

  /** The bytes as a text. */
  text(): string {
    this.#text ??= utf8.decode(this.bytes);
    return this.#text;
  }

  /** What the text says; made anew each time, since whoever has it may change it. */
  json(): unknown {
    const value = this.#value ?? JSON.parse(this.text());
    this.#value = undefined;
    return value;
  }
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

/** Of an encoding that is not undone, the bytes are compared as they came. */
async function decoded(bytes: Uint8Array<ArrayBuffer>, encoding: string, maxBodyBytes: number): Promise<BodyFacts> {
  const format = encoding.trim().toLowerCase().replace("x-gzip", "gzip");
  const isUndone = format === "gzip" || format === "deflate";
  if (!isUndone || bytes.length === 0 || typeof DecompressionStream === "undefined") return { outcome: "bytes", bytes };
  try {
    const packed = new Response(bytes).body;
    return await drained(packed?.pipeThrough(new DecompressionStream(format)) ?? null, maxBodyBytes);
  } catch {
    // Not what its Content-Encoding says it is.
    return { outcome: "broken" };
  }
}
