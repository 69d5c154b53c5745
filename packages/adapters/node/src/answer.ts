import type { ServerResponse } from "node:http";
import type { Answer, HeaderLine } from "@onceover/core";

/** Sends an answer. Fields that the middleware in front has set stay, unless the answer has its own. */
export function sendAnswer(response: ServerResponse, { status, headers, chunks }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  setLines(response, headers);
  if (status === 204 || status === 304) return void response.end();
  const lengthBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  response.setHeader("Content-Length", lengthBytes);
  for (const chunk of chunks.slice(0, -1)) response.write(chunk);
  response.end(chunks.at(-1));
}

/** Takes all fields away and puts these in their place. */
export function resetLines(response: ServerResponse, lines: readonly HeaderLine[]): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  setLines(response, lines);
}

/** Replaces the fields that are named, and keeps several lines of one name apart. */
function setLines(response: ServerResponse, lines: readonly HeaderLine[]): void {
  const seen = new Set<string>();
  for (const [name, value] of lines) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) response.appendHeader(name, value);
    else response.setHeader(name, value);
    seen.add(lower);
  }
}

/** The header lines a response has so far, one for each that will be sent. */
export function linesOf(response: ServerResponse): HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (const name of rawNames(response)) {
    const value = response.getHeader(name);
    if (Array.isArray(value)) for (const each of value) lines.push([name, each]);
    else lines.push([name, String(value)]);
  }
  return lines;
}

/** Node's types leave this method to the client's side of a connection; the server's has it too. */
function rawNames(response: ServerResponse & { getRawHeaderNames?: () => string[] }): string[] {
  return response.getRawHeaderNames?.() ?? response.getHeaderNames();
}
