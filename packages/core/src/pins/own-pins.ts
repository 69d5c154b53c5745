import type { PinValue } from "../pinned.js";
import { after, type MaybePromise } from "../platform.js";
import { show } from "../show.js";

/**
 * The part of a Standard Schema that is used: zod, valibot, arktype and others have it. Source: standardschema.dev, version 1.
 */
export interface PinSchema<Own> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): MaybePromise<SchemaResult<Own>>;
    readonly types?: { readonly input: unknown; readonly output: Own } | undefined;
  };
}

type SchemaResult<Own> =
  | { readonly value: Own; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

/** The pins of an application's own, as its schema makes them. */
export type OwnPins =
  | { readonly outcome: "pins"; readonly pins: Readonly<Record<string, PinValue>> }
  | { readonly outcome: "invalid"; readonly detail: string };

/** Has a schema judge an application's own pins. Rejects with what it throws. */
export function validateOwnPins(
  schema: PinSchema<unknown>,
  given: Readonly<Record<string, unknown>>,
): MaybePromise<OwnPins> {
  return after(schema["~standard"].validate(given), (result): OwnPins => {
    if (result.issues !== undefined) return { outcome: "invalid", detail: result.issues.map(issueText).join("; ") };
    return pinsOf(result.value);
  });
}

function issueText({
  message,
  path = [],
}: {
  readonly message: string;
  readonly path?: readonly unknown[] | undefined;
}): string {
  const names = path.map((part) => (typeof part === "object" && part !== null && "key" in part ? part.key : part));
  return names.length === 0 ? message : `${names.join(".")}: ${message}`;
}

function pinsOf(value: unknown): OwnPins {
  if (typeof value !== "object" || value === null)
    return { outcome: "invalid", detail: "the schema made no object of the pins" };
  const pins: Record<string, PinValue> = {};
  for (const [name, each] of Object.entries(value)) {
    if (each === undefined) continue;
    if (!isPinValue(each)) return { outcome: "invalid", detail: `the schema made ${show(each)} of ${name}` };
    pins[name] = each;
  }
  return { outcome: "pins", pins };
}

/** Whether a value can be compared and sent. */
export function isPinValue(value: unknown): value is PinValue {
  return (
    typeof value === "string" || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))
  );
}
