/** Which fields of a message go along when it is passed on; names are in lower case. */

/** What belongs to one connection. Source: RFC 9110, 7.6.1, and those that RFC 2616 had. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const KEPT =
  /^(?:authorization|cache-control|content-.*|cookie|host|idempotency-key|index-hash|model-tag|revision-pin|schema-rev|set-cookie|via)$/;

/**
 * Whether `Connection` may not take a field away, whoever names it: without it the other side would read another message, or one
 * of somebody else, than was judged here.
 */
export function isKept(name: string): boolean {
  return KEPT.test(name);
}

/** The fields that `Connection` names, and takes away; hardly any message has one that names something. */
export function namedBy(connection: string | null | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === null || /^(?:keep-alive|close)?$/i.test(connection)) return undefined;
  const names = connection.split(",").map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => !isKept(name)));
}

/** Whether a field stays behind with its connection. Names with a colon in front are HTTP/2's own. */
export function staysBehind(name: string, named: ReadonlySet<string> | undefined): boolean {
  return HOP_BY_HOP.has(name) || name.startsWith("proxy-") || name.startsWith(":") || named?.has(name) === true;
}

/** Whether a field of a request is said anew, or not at all: whom it is for, who sends it, and what was answered already. */
export function isSaidAnew(name: string): boolean {
  return name === "expect" || name === "forwarded" || name === "host" || name.startsWith("x-forwarded-");
}
