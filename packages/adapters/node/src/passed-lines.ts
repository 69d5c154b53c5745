/** The header lines that go along when a message is passed on; those that belong to one connection stay behind. */

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { HeaderLine } from "@onceover/core";
import { type ForwardTarget, isKept, isSaidAnew, namedBy, staysBehind } from "@onceover/core/revisions";
import { isHttp2, type NodeRequest } from "./node-request.js";

/** Where a request goes: path and query, and the host it is for. */
export interface Destination {
  readonly path: string;
  readonly host: string | undefined;
}

/** A target with a scheme names the host, and outranks the field of that name. Source: RFC 9112, 3.2.2; RFC 9113, 8.3.1. */
export function destinationOf(request: NodeRequest & { readonly originalUrl?: unknown }): Destination {
  const { headers, originalUrl, url = "" } = request;
  // Routers make `url` relative to where they are mounted, and keep the whole one beside it.
  const target = typeof originalUrl === "string" ? originalUrl : url;
  if (target.startsWith("/")) return { path: target, host: headers[":authority"]?.toString() ?? headers.host };
  const [, host, path = ""] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target) ?? [];
  if (host === undefined) return { path: target, host: headers.host };
  return { path: path.startsWith("/") ? path : `/${path}`, host };
}

/**
 * The lines of a request as the target gets them: names and values in turn. In their order, as often as they came, with
 * those of the target in place of what the request has under the same names.
 */
export function requestLines(request: NodeRequest, host: string | undefined, target: ForwardTarget): string[] {
  const named = namedBy(request.headers.connection);
  const ours = [...whoAsks(request, host), ...target.headers];
  const replaced = new Set(target.headers.map(([name]) => name.toLowerCase()));
  const lines: string[] = host === undefined || replaced.has("host") ? [] : ["Host", host];
  const { rawHeaders } = request;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = [rawHeaders[at], rawHeaders[at + 1]];
    const lower = name.toLowerCase();
    if (staysBehind(lower, named) || isSaidAnew(lower) || replaced.has(lower)) continue;
    lines.push(name, value);
  }
  for (const [at, [name, value]] of ours.entries()) {
    const isOutranked = at < ours.length - target.headers.length && replaced.has(name.toLowerCase());
    if (!isOutranked) lines.push(name, value);
  }
  return isHttp2(request) ? withOneCookie(lines) : lines;
}

/** HTTP/2 may cut the cookies into several lines; HTTP/1.1 knows one. Source: RFC 9113, 8.2.3. */
function withOneCookie(lines: readonly string[]): string[] {
  const cookies: string[] = [];
  const rest: string[] = [];
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [name = "", value = ""] = [lines[at], lines[at + 1]];
    if (name === "cookie") cookies.push(value);
    else rest.push(name, value);
  }
  return cookies.length === 0 ? rest : [...rest, "cookie", cookies.join("; ")];
}

/** Names one whose address is not known any more. Source: RFC 7239, 6.3. */
const HIDDEN = "_hidden";

/** What this process knows itself about who asks: by the socket, never by what the request says. */
function whoAsks(request: NodeRequest, host: string | undefined): HeaderLine[] {
  const socket: Socket & Partial<Pick<TLSSocket, "encrypted">> = request.socket;
  const { encrypted, localPort, remoteAddress = HIDDEN } = socket;
  const proto = encrypted === true ? "https" : "http";
  const node = remoteAddress.includes(":") ? `"[${remoteAddress}]"` : remoteAddress;
  const quotedHost = host === undefined ? "" : `;host="${host.replace(/[\\"]/g, "\\$&")}"`;
  const lines: HeaderLine[] = [
    ["Forwarded", `for=${node}${quotedHost};proto=${proto}`],
    ["X-Forwarded-For", remoteAddress],
    ["X-Forwarded-Proto", proto],
  ];
  if (host !== undefined) lines.push(["X-Forwarded-Host", host]);
  if (localPort !== undefined) lines.push(["X-Forwarded-Port", String(localPort)]);
  return lines;
}

/** The lines of an answer as its client gets them, and how the answer says where it ends. */
export interface AnswerLines {
  readonly lines: readonly HeaderLine[];
  /** `close`: by the end of the connection. */
  readonly endsBy: "length" | "chunks" | "close";
}

/** Makes them of names and values in turn. */
export function answerLines(raw: readonly string[]): AnswerLines {
  let endsBy: AnswerLines["endsBy"] = "close";
  const named = namedBy(valuesOf(raw, "connection"));
  const lines: HeaderLine[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = "", value = ""] = [raw[at], raw[at + 1]];
    const lower = name.toLowerCase();
    if (lower === "transfer-encoding") endsBy = "chunks";
    else if (lower === "content-length") endsBy = "length";
    if (!staysBehind(lower, named)) lines.push([name, value]);
  }
  return { lines, endsBy };
}

/** Fields behind a body; those that say how it is framed or whom it is for have no place there. Source: RFC 9110, 6.5.1. */
export function trailerFields(raw: readonly string[]): Record<string, string[]> | undefined {
  if (raw.length === 0) return undefined;
  const fields: Record<string, string[]> = Object.create(null);
  let isEmpty = true;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = "", value = ""] = [raw[at], raw[at + 1]];
    const lower = name.toLowerCase();
    if (staysBehind(lower, undefined) || isSaidAnew(lower) || isKept(lower)) continue;
    fields[name] = [...(fields[name] ?? []), value];
    isEmpty = false;
  }
  return isEmpty ? undefined : fields;
}

function valuesOf(raw: readonly string[], wanted: string): string | undefined {
  const values = raw.filter((_, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === wanted);
  return values.length === 0 ? undefined : values.join(",");
}
