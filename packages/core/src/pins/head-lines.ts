/** What every answer says of revision and pins, and what that makes of its being cached. */

import type { HeaderLine } from "../facts.js";
import type { Pins } from "../pinned.js";
import { type PinName, spellPin } from "./pin-names.js";

/** Whether a shared cache may keep an answer. `unsaid`: it may, though nobody said so. Source: RFC 9111, section 3. */
export type Sharing = "allowed" | "unsaid" | "forbidden";

/** Reads a header of an answer by its name in lower case. */
export type HeaderReader = (name: string) => string | undefined;

/** Whether a shared cache may keep this answer. Pure. */
export function sharingOf(method: string, status: number, header: HeaderReader): Sharing {
  const control = header("cache-control") ?? "";
  if (/(?:^|[\s,])(?:no-store|private)\s*(?:,|$)/i.test(control)) return "forbidden";
  if (/(?:^|[\s,])(?:public|s-maxage|max-age|must-revalidate|stale-)/i.test(control)) return "allowed";
  if (SURROGATE.some((name) => header(name) !== undefined)) return "allowed";
  // Without a word, only what was got is kept, and only what may be kept by its status.
  const isGot = method === "GET" || method === "HEAD";
  return isGot && HEURISTIC.has(status) ? "unsaid" : "forbidden";
}

/** Fields by which an answer is kept though `Cache-Control` says nothing. */
const SURROGATE = [
  "expires",
  "cdn-cache-control",
  "surrogate-control",
  "cloudflare-cdn-cache-control",
  "x-accel-expires",
];

/** Statuses that are kept without being told to. Source: RFC 9110, section 15.1. */
const HEURISTIC = new Set([200, 203, 204, 206, 300, 301, 304, 308, 404, 405, 410, 414, 501]);

/** The lines that say which revision answers, and what its backend has; `vary` is added where a cache may keep the answer. */
export type Stamp = (live: Pins, vary?: { readonly own: string | undefined }) => readonly HeaderLine[];

/** What is said in every answer, beside the pins. */
export interface StampGround {
  readonly about: readonly HeaderLine[];
  readonly names: readonly PinName[];
  readonly prefix: string;
  /** Names of the fields of a request by which answers differ. */
  readonly varies: readonly string[];
}

/** Makes the lines; those made last are given again where nothing is new, as is nearly always so. */
export function stampLines({ about, names, prefix, varies }: StampGround): Stamp {
  let plain: { readonly live: Pins; readonly lines: readonly HeaderLine[] } | undefined;
  let varied:
    | { readonly live: Pins; readonly own: string | undefined; readonly lines: readonly HeaderLine[] }
    | undefined;
  return (live, vary) => {
    if (plain?.live !== live) plain = { live, lines: [...about, ...pinLines(live, names, prefix)] };
    if (vary === undefined) return plain.lines;
    const { own } = vary;
    if (varied?.live !== live || varied.own !== own) {
      varied = { live, own, lines: [...plain.lines, varyLine(own, varies)] };
    }
    return varied.lines;
  };
}

/** Pins as header lines. */
export function pinLines(pins: Pins, names: readonly PinName[], prefix: string): HeaderLine[] {
  return names.flatMap(({ name, header }): HeaderLine[] => {
    const value = pins[name];
    return value === undefined ? [] : [[header, spellPin(name, value, prefix)]];
  });
}

/** `Vary` with further names in it. */
export function varyLine(vary: string | undefined, names: readonly string[]): HeaderLine {
  const present = new Set(
    (vary ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
  if (present.has("*")) return ["Vary", "*"];
  const missing = names.filter((name) => !present.has(name.toLowerCase()));
  return ["Vary", [...(vary === undefined || vary === "" ? [] : [vary]), ...missing].join(", ")];
}
