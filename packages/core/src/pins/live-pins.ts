import type { Pins, PinValue } from "../pinned.js";
import { after, type MaybePromise } from "../platform.js";
import { show } from "../show.js";
import { validateOwnPins } from "./own-pins.js";
import { parsePin } from "./parse-pins.js";
import { KNOWN_PINS } from "./pin-names.js";
import type { PinSettings } from "./pin-settings.js";

/** Reads what the backend has. Members that are no pins of this service are left out; values may be texts. */
export type PinReader = () => MaybePromise<Readonly<Record<string, unknown>>>;

/**
 * What the backend has, by what a reader says of it; pins it says nothing of are those the revision writes.
 * @throws {TypeError} that names the pin whose value is none.
 */
export function livePins(settings: PinSettings, said: Readonly<Record<string, unknown>>): MaybePromise<Pins> {
  if (typeof said !== "object" || said === null)
    throw new TypeError(`read must give an object of pins, got ${show(said)}`);
  const live: Record<string, PinValue | undefined> = { ...settings.writes };
  for (const name of KNOWN_PINS) {
    const value = said[name];
    if (value !== undefined && value !== null) live[name] = knownPin(name, value, settings.prefix);
  }
  return after(ownPins(settings, said), (own) => ({ ...live, ...own }));
}

function knownPin(name: string, value: unknown, prefix: string): PinValue {
  const parsed = parsePin(name, String(value), prefix);
  if (parsed === undefined) throw new TypeError(`read gave ${show(value)} as ${name}`);
  return parsed;
}

function ownPins({ schema, ownNames }: PinSettings, said: Readonly<Record<string, unknown>>): MaybePromise<Pins> {
  const given = Object.fromEntries(ownNames.filter((name) => name in said).map((name) => [name, said[name]]));
  if (schema === undefined || Object.keys(given).length === 0) return {};
  return after(validateOwnPins(schema, given), (own) => {
    if (own.outcome === "invalid") throw new TypeError(`read gave pins that the schema refuses: ${own.detail}`);
    return own.pins;
  });
}
