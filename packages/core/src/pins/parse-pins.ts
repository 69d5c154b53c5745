import type { RequestFacts } from "../facts.js";
import type { PinValue } from "../pinned.js";
import { isTag, type PinName, schemaRevOf } from "./pin-names.js";

/** Pins as they came: texts, but for schema revisions. */
export type RawPins = Readonly<Record<string, PinValue>>;

/** The pins of one who carries none. */
export const NO_PINS: RawPins = {};

/** What a request says it was built against. */
export type ParsedPins =
  | { readonly outcome: "pins"; readonly pins: RawPins }
  | { readonly outcome: "invalid"; readonly detail: string };

const NONE: ParsedPins = { outcome: "pins", pins: NO_PINS };

/** Reads the pins of a request. Spellings that disagree, and values that are none, are refused. Pure. */
export function parsePins(facts: Pick<RequestFacts, "header">, names: readonly PinName[], prefix: string): ParsedPins {
  let pins: Record<string, PinValue> | undefined;
  for (const pin of names) {
    const text = textOf(facts, pin);
    if (text === undefined) continue;
    if (text === null) return invalid(`${pin.header} came more than once, and not with the same value.`);
    const value = parsePin(pin.name, text, prefix);
    if (value === undefined) return invalid(`${pin.header} must be ${wordsOf(pin.name, prefix)}.`);
    pins ??= {};
    pins[pin.name] = value;
  }
  return pins === undefined ? NONE : { outcome: "pins", pins };
}

/** What came under all spellings: `undefined` where nothing did, `null` where that is not one text. */
function textOf(facts: Pick<RequestFacts, "header">, { spellings }: PinName): string | null | undefined {
  let text: string | undefined;
  for (const spelling of spellings) {
    for (const line of facts.header(spelling)) {
      const one = textOfLine(line);
      if (one === undefined || (text !== undefined && text !== one)) return null;
      text = one;
    }
  }
  return text;
}

/** Some servers join the lines of one name by a comma: each of them counts. */
function textOfLine(line: string): string | undefined {
  if (!line.includes(",")) return line.trim();
  const [first, ...others] = line.split(",").map((text) => text.trim());
  return others.every((text) => text === first) ? first : undefined;
}

/** The value of one pin; `undefined` where the text is none. */
export function parsePin(name: string, text: string, prefix: string): PinValue | undefined {
  if (name === "schemaRev") return schemaRevOf(text, prefix);
  return isTag(text) ? text : undefined;
}

function wordsOf(name: string, prefix: string): string {
  if (name !== "schemaRev") return "1 to 255 visible characters of ASCII, without quotes, commas and spaces";
  return `a whole number${prefix === "" ? "" : `, or one behind ${prefix}`}`;
}

function invalid(detail: string): ParsedPins {
  return { outcome: "invalid", detail };
}
