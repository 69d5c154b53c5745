/** What one read of a body gives. */
export type Piece =
  /** `kept` is a copy, where one is wanted: the client's side of a stream may take the bytes away, and the handler may fill its buffer anew. */
  | { readonly chunk: Uint8Array; readonly kept: Uint8Array }
  | { readonly end: "whole" }
  | { readonly end: "broken"; readonly error: unknown };

/** Reads a body's next piece. Never rejects: nobody may be waiting when its source breaks. */
export async function readPiece(reader: ReadableStreamDefaultReader<unknown>, isKept = true): Promise<Piece> {
  try {
    const { done, value } = await reader.read();
    if (done) return { end: "whole" };
    if (value instanceof Uint8Array) return { chunk: value, kept: isKept ? new Uint8Array(value) : value };
    throw new TypeError(`a body must be a stream of Uint8Array, got ${typeof value}`);
  } catch (error) {
    return { end: "broken", error };
  }
}
