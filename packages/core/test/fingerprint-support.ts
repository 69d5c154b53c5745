import type { BodyFacts } from "../src/facts.js";
import { type FingerprintMade, type FingerprintRule, fingerprintOf } from "../src/fingerprint.js";
import { fakePlatform } from "./fake-platform.js";
import { bytesOf } from "./support.js";

/** A request as far as its fingerprint goes. */
export interface Shape {
  readonly method?: string;
  readonly target?: string;
  readonly contentType?: string;
  readonly body?: string | Uint8Array | BodyFacts;
  readonly rule?: FingerprintRule<unknown>;
}

const { sha256 } = fakePlatform();

/** What becomes of a request: by default a POST of JSON to `/payments?a=1`. */
export async function make(shape: Shape): Promise<FingerprintMade> {
  const { method = "POST", target = "/payments?a=1", contentType = "application/json", body = "{}" } = shape;
  const facts = {
    method,
    target,
    header: (name: string) => (name === "content-type" && contentType !== "" ? [contentType] : []),
    body: () => bodyOf(body),
    request: { method },
  };
  return fingerprintOf(facts, shape.rule ?? "request", 1_048_576, sha256);
}

/** The fingerprint of a request that has one. */
export async function fingerprint(shape: Shape): Promise<string> {
  const made = await make(shape);
  if (made.outcome === "fingerprint") return made.fingerprint;
  throw new Error(`refused: ${made.code}`);
}

function bodyOf(body: string | Uint8Array | BodyFacts): BodyFacts {
  if (typeof body === "string") return bytesOf(body);
  return body instanceof Uint8Array ? { outcome: "bytes", bytes: body } : body;
}

/** A multipart body of fields and files. */
export function multipart(boundary: string, parts: readonly (readonly [name: string, content: string])[]): string {
  const lines = parts.flatMap(([name, content]) => [
    `--${boundary}`,
    `Content-Disposition: form-data; name="${name}"; filename="f.bin"`,
    "Content-Type: application/octet-stream",
    "",
    content,
  ]);
  return [...lines, `--${boundary}--`, ""].join("\r\n");
}
