import type { Answer, HeaderLine, LiveAnswer } from "@onceover/core";

/** Statuses that the fetch standard allows no body for. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** An answer as a `Response`. Fields that middleware in front has set, `already`, stay unless the answer has its own. */
export function toResponse({ status, headers, chunks }: Answer, already: readonly HeaderLine[] = []): Response {
  const fields = fieldsOf(headers, already);
  if (BODILESS.has(status)) return new Response(null, { status, headers: fields });
  const body = joined(chunks);
  fields.set("Content-Length", String(body.length));
  // For an empty body, some servers make up a media type.
  return new Response(body.length === 0 ? null : body, { status, headers: fields });
}

/** The same of an answer that is still on its way. */
export function toLiveResponse({ status, headers, body }: LiveAnswer, already: readonly HeaderLine[] = []): Response {
  return new Response(body, { status, headers: fieldsOf(headers, already) });
}

function fieldsOf(headers: readonly HeaderLine[], already: readonly HeaderLine[]): Headers {
  const fields = new Headers();
  for (const [name, value] of already) fields.append(name, value);
  for (const [name] of headers) fields.delete(name);
  for (const [name, value] of headers) fields.append(name, value);
  return fields;
}

/** The chunks as one; the only one is handed out as it is. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [first] = chunks;
  // A body is never made of shared memory, which the types cannot tell.
  if (chunks.length === 1 && first !== undefined) return first as Uint8Array<ArrayBuffer>;
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
