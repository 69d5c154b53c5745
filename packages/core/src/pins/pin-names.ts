import type { PinValue } from "../pinned.js";

/** A pin by its name, and how it is spelled in a request. */
export interface PinName {
  /** As the application knows it: `schemaRev`. */
  readonly name: string;
  /** As it is sent: `Schema-Rev`. */
  readonly header: string;
  /** All spellings that are read, in lower case, the one that is sent first. */
  readonly spellings: readonly string[];
}

/** The three every service knows; only the first is ordered. */
export const KNOWN_PINS = ["schemaRev", "indexHash", "modelTag"] as const;

/** `schemaRev` is spelled `Schema-Rev`, `X-Schema-Rev` and `SCHEMA_REV`; nginx drops the last one silently. */
export function pinName(name: string): PinName {
  const words = name.split(/(?=[A-Z])/);
  const header = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("-");
  const lower = header.toLowerCase();
  return { name, header, spellings: [lower, `x-${lower}`, lower.replaceAll("-", "_")] };
}

/** Whether an application may give a pin of its own this name: of two words, since one could be any field there is. */
export function isPinName(name: string): boolean {
  return /^[a-z][a-z0-9]*(?:[A-Z][a-z0-9]+)+$/.test(name) && !RESERVED.test(name);
}

/** Words that begin fields which mean something else. */
const RESERVED =
  /^(?:accept|access|cache|content|cross|idempotency|if|keep|last|proxy|revision|sec|set|strict|transfer|user|www|x)[A-Z]/;

/** The largest schema revision, so that comparing stays exact. */
const LONGEST_NUMBER = 15;

/** The number a text says; `undefined` for any other spelling of it than the plain one. */
export function schemaRevOf(text: string, prefix: string): number | undefined {
  const digits = prefix !== "" && text.startsWith(prefix) ? text.slice(prefix.length) : text;
  return digits.length <= LONGEST_NUMBER && /^(?:0|[1-9][0-9]*)$/.test(digits) ? Number(digits) : undefined;
}

/** Whether a text can be the value of an unordered pin: what a header can carry without quoting, and no list. */
export function isTag(text: string): boolean {
  return text.length <= 255 && /^[!#-+\--~]+$/.test(text);
}

/** How a value is sent. */
export function spellPin(name: string, value: PinValue, prefix: string): string {
  return name === "schemaRev" ? prefix + String(value) : String(value);
}
