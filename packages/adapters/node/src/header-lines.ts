import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { HeaderLine } from "@onceover/core";

/** Takes all fields away and puts these in their place. */
export function resetLines(response: ServerResponse, lines: readonly HeaderLine[]): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  setLines(response, lines);
}

/** Replaces the fields that are named, and keeps several lines of one name apart. */
export function setLines(response: ServerResponse, lines: readonly HeaderLine[]): void {
  const seen = new Set<string>();
  for (const [name, value] of lines) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) response.appendHeader(name, value);
    else response.setHeader(name, value);
    seen.add(lower);
  }
}

/** The same, but for what adds up: cookies, and what the answer varies by. */
export function setLinesBeside(response: ServerResponse, lines: readonly HeaderLine[]): void {
  const replacing = lines.filter(([name]) => !ADDED.test(name));
  setLines(response, replacing);
  if (replacing.length === lines.length) return;
  for (const [name, value] of lines) {
    if (/^vary$/i.test(name)) response.setHeader(name, varyOf(response.getHeader(name), value));
    else if (ADDED.test(name)) response.appendHeader(name, value);
  }
}

const ADDED = /^(?:set-cookie|vary)$/i;

function varyOf(before: unknown, value: string): string {
  const names = new Map<string, string>();
  for (const name of `${before ?? ""},${value}`.split(",").map((each) => each.trim())) {
    if (name !== "" && !names.has(name.toLowerCase())) names.set(name.toLowerCase(), name);
  }
  return [...names.values()].join(", ");
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

/** Does what Node's `writeHead` does with the headers it is given, but so that they can be looked at. */
export function applyHeaders(response: ServerResponse, headers: unknown): void {
  if (Array.isArray(headers)) resetNamed(response, pairsOf(headers));
  else if (isHeaders(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
  }
}

function isHeaders(headers: unknown): headers is OutgoingHttpHeaders {
  return typeof headers === "object" && headers !== null;
}

/** Node takes `[name, value, …]` and `[[name, value], …]`. */
function pairsOf(list: readonly unknown[]): (readonly [string, string | string[]])[] {
  const flat: unknown[] = list.every((entry) => Array.isArray(entry)) ? list.flat() : [...list];
  return Array.from(
    { length: flat.length / 2 },
    (_, at) => [String(flat[2 * at]), fieldValue(flat[2 * at + 1])] as const,
  );
}

function fieldValue(value: unknown): string | string[] {
  return Array.isArray(value) ? value.map(String) : String(value);
}

function resetNamed(response: ServerResponse, pairs: readonly (readonly [string, string | string[]])[]): void {
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, value);
}

/** Whether two lists would be sent alike. */
export function sameLines(a: readonly HeaderLine[], b: readonly HeaderLine[]): boolean {
  return a.length === b.length && a.every(([name, value], at) => name === b[at]?.[0] && value === b[at]?.[1]);
}
