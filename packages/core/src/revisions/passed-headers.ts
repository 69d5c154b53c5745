/** The header fields that go along when a message is passed on by fetch; those that belong to one connection stay behind. */

import type { ForwardTarget } from "./forwarder.js";
import { isKept } from "./kept-fields.js";

/** What belongs to one connection. Source: RFC 9110, 7.6.1, and those that RFC 2616 had. */
const HOP_BY_HOP = /^(?:connection|http2-settings|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/;

/** What is said anew: whom it is for, where it comes from, and what is asked of fetch and not of the client. */
const SAID_ANEW = /^(?:accept-encoding|expect|forwarded|host|x-forwarded-.*)$/;

/** What fetch undoes before anybody sees the body, and leaves in the header. */
const UNDONE = /^\s*(?:x-)?(?:gzip|deflate|br)\s*(?:,\s*(?:x-)?(?:gzip|deflate|br)\s*)*$/i;

/** The fields a request has at its target, those of the target in place of what it came with under the same names. */
export function passedRequestHeaders(headers: Headers, hasBody: boolean, asked: URL, target: ForwardTarget): Headers {
  const passed = new Headers();
  const named = namedBy(headers);
  for (const [name, value] of headers) {
    if (!staysBehind(name, named) && !SAID_ANEW.test(name)) passed.append(name, value);
  }
  // Some servers hand out a GET without the body it came with; its length would announce the next request as the body.
  if (!hasBody) passed.delete("Content-Length");
  // What comes compressed, fetch would decompress, for nothing; and a compressor may hold back the first event of a stream.
  passed.set("Accept-Encoding", "identity");
  passed.set("X-Forwarded-Host", asked.host);
  passed.set("X-Forwarded-Proto", asked.protocol.slice(0, -1));
  for (const [name] of target.headers) passed.delete(name);
  for (const [name, value] of target.headers) passed.append(name, value);
  return passed;
}

/** The fields of an answer as its client gets them, each `Set-Cookie` in a line of its own. */
export function passedAnswerHeaders({ headers }: Response): Headers {
  const passed = new Headers();
  const named = namedBy(headers);
  const isUndone = UNDONE.test(headers.get("content-encoding") ?? "");
  for (const [name, value] of headers) {
    const isStale = isUndone && (name === "content-encoding" || name === "content-length");
    if (!staysBehind(name, named) && !isStale && name !== "set-cookie") passed.append(name, value);
  }
  for (const line of headers.getSetCookie()) passed.append("Set-Cookie", line);
  return passed;
}

function staysBehind(lower: string, named: ReadonlySet<string>): boolean {
  return HOP_BY_HOP.test(lower) || named.has(lower);
}

function namedBy(headers: Headers): ReadonlySet<string> {
  const names = (headers.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => !isKept(name)));
}
