import type { HeaderLine } from "./facts.js";
import type { AnswerRecord } from "./record.js";

/** An answer for the adapter to send as it stands. `Content-Length` is the adapter's to add. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly chunks: readonly Uint8Array[];
}

/**
 * Fields of a recorded answer that are sent again, beside the application's own `X-` fields: those that say what
 * the body is or where to go from here. All others belong to one connection (`Connection`), one moment (`Date`),
 * one browser (`Set-Cookie`) or the middleware in front, which sets them anew.
 */
const REPLAYED = new Set([
  "accept-patch",
  "accept-post",
  "accept-ranges",
  "allow",
  "cache-control",
  "content-digest",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-location",
  "content-range",
  "content-security-policy",
  "content-type",
  "deprecation",
  "digest",
  "etag",
  "expires",
  "last-modified",
  "link",
  "location",
  "operation-location",
  "preference-applied",
  "refresh",
  "repr-digest",
  "retry-after",
  "sunset",
  "vary",
  "warning",
]);

/** `X-` fields that name one exchange, one session or one hop. */
const NEVER_REPLAYED =
  /^x-(?:.*-)?(?:request|correlation|trace|span)-?id$|^x-(?:b3|amzn|cloud-trace|datadog|forwarded|real-ip|powered|accel|sendfile|served|runtime|response-time|ratelimit)|(?:csrf|xsrf|auth|token|session|secret)/;

/** `X-` spellings of the fields that steer a request; an answer that echoes one speaks of the exchange, not of itself. */
const CONTROL =
  /^x-(?:idempotency-(?:key|replayed)|schema-rev|index-hash|model-tag|revision|revision-pin|release|canary|deployment-id)$/;

/** Whether a field of the first answer is part of what a retry is sent; `more` holds lower-case names the mount adds. */
export function isReplayed(name: string, more: ReadonlySet<string>): boolean {
  const lower = name.toLowerCase();
  if (more.has(lower) || REPLAYED.has(lower)) return true;
  return lower.startsWith("x-") && !NEVER_REPLAYED.test(lower) && !CONTROL.test(lower);
}

/** The answer a retry is sent: the recorded one, marked as a replay. */
export function replayAnswer({ status, headers, chunks }: AnswerRecord): Answer {
  return { status, headers: markedAsReplay(headers), chunks };
}

/** The fields of an answer that is sent again: not to be cached unless the first one could be. */
export function markedAsReplay(headers: readonly HeaderLine[]): readonly HeaderLine[] {
  const marked: HeaderLine[] = [...headers, ["Idempotency-Replayed", "true"]];
  if (!headers.some(([name]) => name.toLowerCase() === "cache-control")) marked.push(["Cache-Control", "no-store"]);
  return marked;
}
