/** One header line: name as sent (any case), value without surrounding space. */
export type HeaderLine = readonly [name: string, value: string];

/** A body as far as it can still be had when the adapter asks for it. */
export type BodyFacts =
  /** The bytes as they came over the wire, `Content-Encoding` undone; `json` is what is in them, where it was parsed already. */
  | { readonly outcome: "bytes"; readonly bytes: Uint8Array; readonly json?: unknown }
  /** A body parser ran before us; this is what it made. */
  | { readonly outcome: "parsed"; readonly value: unknown }
  /** Longer than `maxBodyBytes`, before or after decoding. */
  | { readonly outcome: "too-large" }
  /** The client left before the body was whole, or its content encoding is broken. */
  | { readonly outcome: "broken" }
  /** Somebody read it before us and left nothing to look at. */
  | { readonly outcome: "consumed" };

/** The framework-free view of a request. An adapter reads it and decides nothing. */
export interface RequestFacts<Request = unknown> {
  readonly method: string;
  /** Full original path and query, never relative to a router. */
  readonly target: string;
  /** All values of a header, one per line that came, in order; `name` is lower case. */
  header(name: string): readonly string[];
  /** Reads the body without taking it from the handler. Called at most once, and only for a request that carries a key. */
  body(maxBodyBytes: number): Promise<BodyFacts> | BodyFacts;
  /** The framework's own request, handed to `scope`, `fingerprint` and `recover`. */
  readonly request: Request;
}
