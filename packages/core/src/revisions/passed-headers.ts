/** The header fields that go along when a message is passed on by fetch; those that belong to one connection stay behind. */

import type { ForwardTarget } from "./forwarder.js";
import { isSaidAnew, namedBy, staysBehind } from "./passed-fields.js";

/** What fetch undoes before anybody sees the body, and leaves in the header. */
const UNDONE = /^\s*(?:x-)?(?:gzip|deflate|br)\s*(?:,\s*(?:x-)?(?:gzip|deflate|br)\s*)*$/i;

/** The fields a request has at its target, those of the target in place of what it came with under the same names. */
export function passedRequestHeaders(headers: Headers, hasBody: boolean, asked: URL, target: ForwardTarget): Headers {
  const passed = new Headers();
  const named = namedBy(headers.get("connection"));
  for (const [name, value] of headers) {
    if (!staysBehind(name, named) && !isSaidAnew(name)) passed.append(name, value);
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
  const named = namedBy(headers.get("connection"));
  const isUndone = UNDONE.test(headers.get("content-encoding") ?? "");
  for (const [name, value] of headers) {
    const isStale = isUndone && (name === "content-encoding" || name === "content-length");
    if (!staysBehind(name, named) && !isStale && name !== "set-cookie") passed.append(name, value);
  }
  for (const line of headers.getSetCookie()) passed.append("Set-Cookie", line);
  return passed;
}
