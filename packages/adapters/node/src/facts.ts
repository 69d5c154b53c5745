import type { RequestFacts } from "@onceover/core";
import { readBody } from "./body.js";
import type { NodeRequest } from "./node-request.js";

const NONE: readonly string[] = [];

/** Reads the facts of a Node request, whatever framework wraps it. */
export function factsOf<Request extends NodeRequest>(request: Request): RequestFacts<Request> {
  return {
    method: request.method ?? "",
    target: originalUrl(request),
    header: (name) => (request.headers[name] === undefined ? NONE : headerLines(request, name)),
    body: (maxBodyBytes) => readBody(request, maxBodyBytes),
    request,
  };
}

/** Routers make `url` relative to where they are mounted, and keep the whole one beside it. */
function originalUrl(request: NodeRequest & { readonly originalUrl?: unknown }): string {
  return typeof request.originalUrl === "string" ? request.originalUrl : (request.url ?? "");
}

/** Node joins the lines of one name into one value; what came is in `rawHeaders`. */
function headerLines({ rawHeaders }: NodeRequest, name: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const each = rawHeaders[at];
    if (each?.length === name.length && each.toLowerCase() === name) lines.push(rawHeaders[at + 1] ?? "");
  }
  return lines;
}
