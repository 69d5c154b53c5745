/** Plain data as text, bytes included, where there is no more than Web APIs. */

const BYTES = "$bytes";
/** The most arguments a call is given at once. */
const CHUNK = 8192;

/** JSON in which bytes are base64. */
export function encode(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? { [BYTES]: base64Of(part) } : part));
}

/** What `encode` was given. */
export function decode(text: string): unknown {
  return JSON.parse(text, (_, part: { readonly [BYTES]?: string } | null) => {
    const base64 = typeof part === "object" ? part?.[BYTES] : undefined;
    return base64 === undefined ? part : Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  });
}

function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + CHUNK));
  }
  return btoa(text);
}
