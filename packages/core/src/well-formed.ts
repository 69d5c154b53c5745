const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Whether a text has no half characters: lone surrogates all become the same replacement character where text becomes bytes. */
export function isWellFormed(text: string): boolean {
  return decoder.decode(encoder.encode(text)) === text;
}
