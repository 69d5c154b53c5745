import type { Answer, HeaderLine, LiveAnswer } from "@onceover/core";

/** Statuses that the fetch standard allows no body for. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** An answer as a `Response`. Fields that middleware in front has set, `already`, stay unless the answer has its own. */
export function toResponse({ status, headers, chunks }: Answer, already: readonly HeaderLine[] = []): Response {
  if (BODILESS.has(status)) return new Response(null, { status, headers: fieldsOf(headers, already) });
  const body = joined(chunks);
  const fields = fieldsOf([...headers, ["Content-Length", String(body.length)]], already);
  // For an empty body, some servers make up a media type.
  return new Response(body.length === 0 ? null : body, { status, headers: fields });
}

/** The same of an answer that is still on its way. */
export function toLiveResponse({ status, headers, body }: LiveAnswer, already: readonly HeaderLine[] = []): Response {
  return new Response(body, { status, headers: fieldsOf(headers, already) });
}

/**
 * As a plain object, which servers on Node send as it is, without a `Headers` in between; as a list where a name comes twice,
 * or where there is no media type: those servers make one up for the first answer, and for a list.
 */
function fieldsOf(
  headers: readonly HeaderLine[],
  already: readonly HeaderLine[],
): Record<string, string> | [string, string][] {
  const own = new Set(headers.map(nameOf));
  const lines = [...already.filter((line) => !own.has(nameOf(line))), ...headers];
  const isPlain = own.size === lines.length && own.has("content-type");
  return isPlain ? Object.fromEntries(lines) : lines.map(([...line]) => line);
}

function nameOf([name]: HeaderLine): string {
  return name.toLowerCase();
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
