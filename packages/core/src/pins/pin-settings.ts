import { check, type Rule, type Rules } from "../check-options.js";
import type { Pins, PinValue } from "../pinned.js";
import type { Revisions } from "../revisions/router.js";
import { show } from "../show.js";
import type { AcceptedPins } from "./decide-pins.js";
import type { PinReader } from "./live-pins.js";
import { isPinValue, type PinSchema } from "./own-pins.js";
import { isPinName, isTag, KNOWN_PINS, type PinName, pinName, schemaRevOf } from "./pin-names.js";
import type { ReadingTimes } from "./reading.js";

/** The pins that every service may have. */
export interface KnownPins {
  readonly schemaRev?: number | undefined;
  readonly indexHash?: string | undefined;
  readonly modelTag?: string | undefined;
}

/** Lists of the values of pins. */
export type AcceptedOf<All> = {
  readonly [Name in keyof All]?: readonly NonNullable<All[Name]>[] | undefined;
};

/** What `pins` is given. `Own` are pins of the application's own. */
export interface PinOptions<
  Own extends Readonly<Record<string, PinValue | undefined>> = Readonly<Record<never, never>>,
> {
  /** What this revision was built against, and writes. Its members are the pins this service has. */
  readonly writes?: (KnownPins & NoInfer<Own>) | undefined;
  /** Which values this revision can serve beside those it writes, such as `{ schemaRev: [11, 12] }`. @default those it writes */
  readonly accepts?: AcceptedOf<KnownPins & NoInfer<Own>> | undefined;
  /** Reads what the backend has at this moment. @default it has what this revision writes */
  readonly read?: PinReader | undefined;
  /** How old what was read may be before it is read anew, beside the requests; 0 reads it for each one. In milliseconds. @default 2000 */
  readonly refreshMs?: number | undefined;
  /** How old what was read may be and still count, when it cannot be read anew. In milliseconds. @default three times `refreshMs` */
  readonly maxAgeMs?: number | undefined;
  /** How long one reading may take, in milliseconds. @default 2000 */
  readonly readTimeoutMs?: number | undefined;
  /**
   * What a request with pins gets while it cannot be read what the backend has: 503 `pins-unreadable`, or the judgement by what
   * this revision writes. @default "refuse"
   */
  readonly onUnreadable?: "refuse" | "trust-writes" | undefined;
  /** Which pins a request must carry, documents excepted: all of this service's, none, or those named. A mount may say otherwise. @default false */
  readonly required?: boolean | readonly string[] | undefined;
  /** A fixed prefix of schema revisions, such as `sc-`; numbers without it are understood, too. @default "" */
  readonly prefix?: string | undefined;
  /** Makes pins of the application's own of texts: an object schema of zod, or any Standard Schema. */
  readonly schema?: PinSchema<Own> | undefined;
  /** Several revisions side by side: `revisions()` of `@onceover/core/revisions`. @default none is known but this one */
  readonly revisions?: Revisions | undefined;
}

/** The same, checked and complete. */
export interface PinSettings {
  readonly names: readonly PinName[];
  readonly ownNames: readonly string[];
  readonly writes: Pins;
  readonly accepts: AcceptedPins;
  readonly read: PinReader | undefined;
  readonly times: ReadingTimes;
  readonly onUnreadable: "refuse" | "trust-writes";
  readonly required: readonly string[];
  readonly prefix: string;
  readonly schema: PinSchema<unknown> | undefined;
  readonly revisions: Revisions | undefined;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
const isFunction = (value: unknown) => typeof value === "function";
const isDelay = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;

const OBJECT: Rule = [(value) => isObject(value) && !Array.isArray(value), "must be an object of pins"];
const DELAY: Rule = [isDelay, "must be a whole number of milliseconds, or 0"];
const REQUIRED: Rule = [
  (value) => typeof value === "boolean" || (Array.isArray(value) && value.every((name) => typeof name === "string")),
  "must be true, false or a list of the names of pins",
];

const RULES: Rules = {
  writes: OBJECT,
  accepts: OBJECT,
  read: [isFunction, "must be a function"],
  refreshMs: DELAY,
  maxAgeMs: DELAY,
  readTimeoutMs: [(value) => isDelay(value) && value !== 0, "must be a positive whole number of milliseconds"],
  onUnreadable: [(value) => value === "refuse" || value === "trust-writes", 'must be "refuse" or "trust-writes"'],
  required: REQUIRED,
  prefix: [
    (value) => typeof value === "string" && (value === "" || (isTag(value) && !/[0-9]$/.test(value))),
    "must be visible ASCII that does not end in a digit",
  ],
  schema: [(value) => isObject(Object(value)["~standard"]), "must be a Standard Schema, such as a zod object"],
  revisions: [(value) => isObject(value) && isFunction(value.attach), "must be made by revisions()"],
};

/** Checks the options. @throws {TypeError} that names the option, its rule and the value. */
export function pinSettings(options: PinOptions<Readonly<Record<string, PinValue | undefined>>>): PinSettings {
  check("pins", RULES, options);
  const { refreshMs = 2000, maxAgeMs = 3 * refreshMs, readTimeoutMs = 2000 } = options;
  if (maxAgeMs < refreshMs) throw new TypeError(`maxAgeMs must be at least refreshMs (${refreshMs}), got ${maxAgeMs}`);
  const writes = withoutUndefined<PinValue>(options.writes);
  const more = withoutUndefined<readonly PinValue[]>(options.accepts);
  const names = [...new Set([...Object.keys(writes), ...Object.keys(more)])];
  const ownNames = names.filter((name) => !isKnown(name));
  checkNames(ownNames, options.schema);
  return {
    names: names.map(pinName),
    ownNames,
    writes: checkValues("writes", writes),
    accepts: acceptedPins(names, writes, more),
    read: options.read,
    times: { refreshMs, maxAgeMs, timeoutMs: readTimeoutMs },
    onUnreadable: options.onUnreadable ?? "refuse",
    required: requiredPins(names, options.required ?? false),
    prefix: options.prefix ?? "",
    schema: options.schema,
    revisions: options.revisions,
  };
}

/**
 * The names of the pins that a request must carry.
 * @throws {TypeError} where one is not among the service's.
 */
export function requiredPins(names: readonly string[], required: unknown): readonly string[] {
  if (!REQUIRED[0](required)) throw new TypeError(`pins.required ${REQUIRED[1]}, got ${show(required)}`);
  if (!Array.isArray(required)) return required === true ? names : [];
  const unknown = required.find((name) => !names.includes(name));
  if (unknown === undefined) return required;
  throw new TypeError(
    `required must name pins that this service writes or accepts (${names.join(", ") || "none"}), got ${show(unknown)}`,
  );
}

function isKnown(name: string): boolean {
  return KNOWN_PINS.some((known) => known === name);
}

function checkNames(ownNames: readonly string[], schema: unknown): void {
  const wrong = ownNames.find((name) => !isPinName(name));
  if (wrong !== undefined) {
    throw new TypeError(`a pin must be named like corpusRev, and like no header there is, got ${show(wrong)}`);
  }
  if (ownNames.length > 0 && schema === undefined) {
    throw new TypeError(`schema must be given for pins of your own (${ownNames.join(", ")}), got undefined`);
  }
}

function checkValues(option: string, pins: Pins): Pins {
  for (const [name, value] of Object.entries(pins)) checkValue(`${option}.${name}`, name, value);
  return pins;
}

function checkValue(option: string, name: string, value: unknown): void {
  if (name === "schemaRev") {
    if (typeof value !== "number" || schemaRevOf(String(value), "") !== value) {
      throw new TypeError(`${option} must be a whole number from 0 to 999999999999999, got ${show(value)}`);
    }
  } else if (!isPinValue(value) || !isTag(String(value))) {
    throw new TypeError(
      `${option} must be 1 to 255 visible characters without quotes, commas and spaces, got ${show(value)}`,
    );
  }
}

/** What a revision writes it accepts. */
function acceptedPins(
  names: readonly string[],
  writes: Pins,
  more: Readonly<Record<string, readonly PinValue[]>>,
): AcceptedPins {
  const accepts = names.map((name): [string, PinValue[]] => {
    const listed: unknown = more[name] ?? [];
    if (!Array.isArray(listed)) throw new TypeError(`accepts.${name} must be a list, got ${show(listed)}`);
    for (const value of listed) checkValue(`accepts.${name}`, name, value);
    const written = writes[name];
    return [name, [...new Set(written === undefined ? listed : [...listed, written])]];
  });
  return Object.fromEntries(accepts);
}

function withoutUndefined<T>(pins: object | undefined): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(pins ?? {}).filter(([, value]) => value !== undefined));
}
