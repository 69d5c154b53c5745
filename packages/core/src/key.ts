import { parseItem } from "structured-headers";

/** What the header lines that carry a key say. */
export type KeyFound =
  | { readonly outcome: "key"; readonly key: string }
  | { readonly outcome: "absent" }
  | { readonly outcome: "invalid"; readonly reason: string };

/** Longest idempotency key, in characters. */
export const MAX_KEY_LENGTH = 255;

/** Longest header value looked at: a quoted key with each character escaped, and some parameters. */
const MAX_LINE_LENGTH = 1024;

/** Visible ASCII that needs no quoting: no space, `"`, `,`, `;` or `\`. */
const BARE_KEY = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;

/**
 * Reads the header lines of an idempotency key: a structured-field string (RFC 9651, section 3.3.3) or a bare token, so that `"k"`,
 * `k` and `"k";v=1` are one key. Never throws; takes time linear in the header's length, which it checks first.
 *
 * Source: draft-ietf-httpapi-idempotency-key-header-07, section 2.1.
 */
export function parseKey(lines: readonly string[]): KeyFound {
  const [line, another] = lines;
  if (line === undefined) return { outcome: "absent" };
  if (another !== undefined) return invalid("more than one header line");
  if (line.length > MAX_LINE_LENGTH) return invalid(`longer than ${MAX_KEY_LENGTH} characters`);
  return BARE_KEY.test(line) ? bounded(line) : parseQuoted(line);
}

function parseQuoted(line: string): KeyFound {
  const semicolon = line.indexOf(";");
  const bare = semicolon === -1 ? "" : line.slice(0, semicolon).trimEnd();
  try {
    // A bare key with parameters (`k;v=1`) is read as if it had been quoted: a UUID is not a token in RFC 9651.
    const [value] = parseItem(BARE_KEY.test(bare) ? `"${bare}"${line.slice(semicolon)}` : line);
    return typeof value === "string" ? bounded(value) : invalid("neither a quoted string nor a bare token");
  } catch {
    return invalid("neither a quoted string nor a bare token");
  }
}

function bounded(key: string): KeyFound {
  if (key.length === 0) return invalid("empty");
  if (key.length > MAX_KEY_LENGTH) return invalid(`longer than ${MAX_KEY_LENGTH} characters`);
  return { outcome: "key", key };
}

function invalid(reason: string): KeyFound {
  return { outcome: "invalid", reason };
}
