/**
 * Resuming a stream of server-sent events: a client that comes back names the last event it has seen, and is sent those
 * that follow (WHATWG HTML, "Server-sent events", `Last-Event-ID`).
 */

import type { HeaderLine } from "./facts.js";

/**
 * What a client that has seen the event `lastEventId` is still to be sent of a stream. All of it where the stream is
 * none of events, is encoded, or has no such event: a client can skip what it has seen, and cannot make up what it has not.
 */
export function afterEvent(
  headers: readonly HeaderLine[],
  chunks: readonly Uint8Array[],
  lastEventId: string,
): readonly Uint8Array[] {
  if (!isEventStream(headers)) return chunks;
  const text = chunks.map(oneByOne).join("");
  const seen = endOfEvent(text, headerBytes(lastEventId));
  return seen === undefined ? chunks : dropBytes(chunks, seen);
}

function isEventStream(headers: readonly HeaderLine[]): boolean {
  const of = (wanted: string) => headers.find(([name]) => name.toLowerCase() === wanted)?.[1].toLowerCase();
  const encoding = of("content-encoding") ?? "identity";
  return /^text\/event-stream\s*(;|$)/.test(of("content-type") ?? "") && encoding === "identity";
}

/** One character for each byte, so that places in the text are places in the bytes. */
function oneByOne(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/** Some platforms hand on header values byte by byte, others as the UTF-8 they are. */
function headerBytes(value: string): string {
  return [...value].every((char) => char <= "\u00ff") ? value : oneByOne(new TextEncoder().encode(value));
}

/** Where the first event that sets the id ends: behind the empty line that sends it off. */
function endOfEvent(text: string, id: string): number | undefined {
  let isFound = false;
  for (const line of text.matchAll(/([^\r\n]*)(?:\r\n|\r|\n)/g)) {
    const [whole, content = ""] = line;
    if (content === "" && isFound) return line.index + whole.length;
    if (content.replace(/^ï»¿/, "").replace(/^id(?:: ?|$)/, "id:") === `id:${id}`) isFound = true;
    else if (/^id(?::|$)/.test(content)) isFound = false;
  }
  return undefined;
}

/** The chunks without their first `bytes`; the rest keeps its order and its bounds. */
function dropBytes(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  return chunks.flatMap((chunk) => {
    const dropped = Math.min(left, chunk.length);
    left -= dropped;
    return dropped === chunk.length ? [] : [chunk.subarray(dropped)];
  });
}
