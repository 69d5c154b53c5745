import type { HeaderLine } from "@onceover/core";

/** A request, as a case sends it. */
export interface ClientRequest {
  /** @default "POST" */
  readonly method?: string;
  /** @default "/pay" */
  readonly path?: string;
  /** The value of `Idempotency-Key`, as it goes over the wire. @default no such header */
  readonly key?: string;
  /** The value of the header that names the caller; `null` for none. @default "alice" */
  readonly caller?: string | null;
  readonly headers?: readonly HeaderLine[];
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; its media type belongs into `headers`. */
  readonly body?: string | Uint8Array;
  /**
   * What is said about the length of the body: a number where it is not the truth, `"none"` for a body that ends when it
   * ends, in chunks on HTTP/1.1.
   * @default its length, where there is a body
   */
  readonly declared?: number | "none";
}

/** A whole answer. */
export interface ClientAnswer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: Buffer;
  readonly text: string;
  /** The first line of a name. */
  header(name: string): string | undefined;
  /** All lines of a name. */
  lines(name: string): readonly string[];
}

const CALLER = "X-Caller";

/** The header that names the caller, for `AdapterSetup.scope`. */
export const CALLER_HEADER = CALLER.toLowerCase();

/** The bytes of a request's body, if it has one. */
export function bodyOf({ json, body }: ClientRequest): string | Uint8Array | undefined {
  return json === undefined ? body : JSON.stringify(json);
}

/** Every header line that is not the protocol's own; `Content-Length` wherever there is a body, or one is announced. */
export function headerLines(request: ClientRequest): HeaderLine[] {
  const { key, caller = "alice", headers = [], json, declared } = request;
  const lines: HeaderLine[] = [];
  if (caller !== null) lines.push([CALLER, caller]);
  if (key !== undefined) lines.push(["Idempotency-Key", key]);
  if (json !== undefined) lines.push(["Content-Type", "application/json"]);
  lines.push(...headers);
  const body = bodyOf(request);
  const length = declared ?? (body === undefined ? "none" : Buffer.byteLength(body));
  if (length !== "none") lines.push(["Content-Length", String(length)]);
  return lines;
}

/** An answer of these parts. */
export function answerOf(status: number, headers: readonly HeaderLine[], body: Buffer): ClientAnswer {
  const lines = (name: string) =>
    headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return { status, headers, body, text: body.toString(), lines, header: (name) => lines(name)[0] };
}

/** Node's flat list of names and values, as lines. */
export function linesOfFlat(flat: readonly string[]): HeaderLine[] {
  return Array.from({ length: flat.length / 2 }, (_, at): HeaderLine => [flat[2 * at] ?? "", flat[2 * at + 1] ?? ""]);
}
