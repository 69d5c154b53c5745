import type { RequestFacts } from "../facts.js";
import type { RequestKind } from "./decide-pins.js";

/**
 * Whether a request is for a document, a stream, or anything else. Browsers say so by Fetch Metadata; where they do not, the
 * media types tell that a GET would take.
 *
 * Source: W3C Fetch Metadata Request Headers; HTML, "Server-sent events"; Fetch, "CORS protocol".
 */
export function requestKind(facts: Pick<RequestFacts, "method" | "header">): RequestKind {
  const [accept = ""] = facts.header("accept");
  if (facts.header("upgrade").length > 0 || facts.header("last-event-id").length > 0) return "stream";
  if (/\btext\/event-stream\b/i.test(accept)) return "stream";
  if (isPreflight(facts)) return "document";
  if (facts.method !== "GET" && facts.method !== "HEAD") return "api";
  const [mode] = facts.header("sec-fetch-mode");
  if (mode !== undefined) return mode === "navigate" ? "document" : "api";
  return /^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(accept) ? "document" : "api";
}

/** A preflight carries no pins, nor anything else of the request it asks for; refused, that one would never come. */
export function isPreflight({ method, header }: Pick<RequestFacts, "method" | "header">): boolean {
  return method === "OPTIONS" && header("access-control-request-method").length > 0;
}
