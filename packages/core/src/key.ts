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

const STRING = String.raw`"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"`;
/** Decimal, integer, date, token, boolean, byte sequence and display string. */
const OTHER_VALUES = [
  String.raw`-?\d{1,12}\.\d{1,3}`,
  String.raw`@?-?\d{1,15}`,
  String.raw`[A-Za-z*][\w!#$%&'*+\-.^\x60|~:/]*`,
  String.raw`\?[01]`,
  ":[A-Za-z0-9+/=]*:",
  String.raw`%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*"`,
];
/**
 * A string item with parameters, which say nothing about the key: RFC 9651, sections 3.1.2 and 3.3.3. A parser of all
 * structured fields would be a tenth of core, for this one.
 */
const STRING_ITEM = new RegExp(
  `^ *(${STRING})(?:; *[a-z*][a-z0-9_\\-.*]*(?:=(?:${[STRING, ...OTHER_VALUES].join("|")}))?)* *$`,
);

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
  // A bare key with parameters (`k;v=1`) is read as if it had been quoted: a UUID is not a token in RFC 9651.
  const [, quoted] = STRING_ITEM.exec(BARE_KEY.test(bare) ? `"${bare}"${line.slice(semicolon)}` : line) ?? [];
  if (quoted === undefined) return invalid("neither a quoted string nor a bare token");
  return bounded(quoted.slice(1, -1).replaceAll(/\\(["\\])/g, "$1"));
}

function bounded(key: string): KeyFound {
  if (key.length === 0) return invalid("empty");
  if (key.length > MAX_KEY_LENGTH) return invalid(`longer than ${MAX_KEY_LENGTH} characters`);
  return { outcome: "key", key };
}

function invalid(reason: string): KeyFound {
  return { outcome: "invalid", reason };
}
