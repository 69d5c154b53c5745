/** Where a request may carry a revision pin. Only read here; whether one holds is judged elsewhere. */

import type { PinSource } from "../event.js";
import type { RequestFacts } from "../facts.js";

/** The cookie; its prefix has browsers take it from this very host alone, and only by TLS. */
export const PIN_COOKIE = "__Host-revision-pin";
/** The query parameter, for `EventSource` and `WebSocket`, which send no headers of one's own. */
export const PIN_PARAMETER = "revision-pin";
export const PIN_HEADER = "Revision-Pin";

/** One revision pin as it came; `undefined` as its text says that it came twice, and none of them counts. */
export interface CarriedPin {
  readonly from: PinSource;
  readonly text: string | undefined;
}

/** The signed pins of a request, the one that counts most first. */
export function carriedPins(
  { header, target }: Pick<RequestFacts, "header" | "target">,
  hasCookie: boolean,
): CarriedPin[] {
  const pins: CarriedPin[] = [];
  add(pins, "header", header("revision-pin"));
  if (target.includes(PIN_PARAMETER)) add(pins, "query", parameters(target, PIN_PARAMETER));
  const cookies = hasCookie ? header("cookie") : [];
  if (cookies.length > 0) add(pins, "cookie", cookieValues(cookies, PIN_COOKIE));
  return pins;
}

/**
 * The deployment a Next.js client was built with: its header, its query parameter, its cookie. Unsigned.
 *
 * Source: Next.js, `deploymentId`; Vercel, "Skew Protection".
 */
export function carriedDeployments({ header, target }: Pick<RequestFacts, "header" | "target">): CarriedPin[] {
  const pins: CarriedPin[] = [];
  const query = target.includes("dpl=") ? parameters(target, "dpl") : [];
  for (const values of [header("x-deployment-id"), query, cookieValues(header("cookie"), "__vdpl")]) {
    add(pins, "deployment-id", values);
  }
  return pins;
}

const NONE: readonly string[] = [];

function add(pins: CarriedPin[], from: PinSource, values: readonly string[]): void {
  const [first] = values;
  // Joined by a comma are the lines of one header; no pin has one.
  if (first !== undefined) pins.push({ from, text: values.length === 1 && !first.includes(",") ? first : undefined });
}

function parameters(target: string, name: string): string[] {
  const at = target.indexOf("?");
  return at === -1 ? [] : new URLSearchParams(target.slice(at)).getAll(name);
}

function cookieValues(lines: readonly string[], name: string): readonly string[] {
  // Most requests have cookies, and few of them ours.
  if (!lines.some((line) => line.includes(name))) return NONE;
  return lines
    .flatMap((line) => line.split(";"))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}

/** A target without the parameter; what else is in it stays byte for byte. */
export function withoutParameter(target: string, name: string): string {
  const at = target.indexOf("?");
  if (at === -1 || !target.includes(name, at)) return target;
  const kept = target
    .slice(at + 1)
    .split("&")
    .filter((pair) => pair !== name && !pair.startsWith(`${name}=`));
  return kept.length === 0 ? target.slice(0, at) : `${target.slice(0, at)}?${kept.join("&")}`;
}
