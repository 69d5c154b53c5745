import fc from "fast-check";

const encoder = new TextEncoder();

/** Bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** One after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The chunks of bytes that are cut at the given places; places beyond the end, or twice the same, make empty chunks. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const inside = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [...inside, bytes.length].map((end, index) => bytes.slice(inside[index - 1] ?? 0, end));
}

/** Places to cut at, wherever. */
export const places = fc.array(fc.nat(10_000), { maxLength: 12 });
