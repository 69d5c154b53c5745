/** What becomes of a request by its pins. Pure: what is live, and who else is there, comes in. */

import type { Pins, PinValue } from "../pinned.js";
import type { PinProblemCode } from "../problem.js";

/** The values a revision can serve, by pin. */
export type AcceptedPins = Readonly<Record<string, readonly PinValue[]>>;

/** What a revision can serve at this moment. */
export interface Offer {
  readonly accepts: AcceptedPins;
  /** What its backend has. */
  readonly live: Pins;
}

/** How what is asked for stands to what is there. `other`: an unordered pin, which is neither ahead nor behind. */
export type Match = "match" | "ahead" | "behind" | "other";

/** Compares one pin. A schema revision is served when it is accepted and the backend has come that far. */
export function matchPin(name: string, asked: PinValue, { accepts, live }: Offer): Match {
  const accepted = accepts[name] ?? [];
  const has = live[name];
  if (name !== "schemaRev") return accepted.includes(asked) && has === asked ? "match" : "other";
  if (has === undefined || asked > has) return "ahead";
  if (accepted.includes(asked)) return "match";
  return accepted.some((value) => value > asked) ? "behind" : "ahead";
}

/** Compares all pins of a request; the caller's being behind outweighs the backend's, because waiting mends only the latter. */
export function matchPins(asked: Pins, offer: Offer): Match {
  let worst: Match = "match";
  for (const name in asked) {
    const value = asked[name];
    if (value === undefined) continue;
    const match = matchPin(name, value, offer);
    if (match === "behind") return match;
    if (match !== "match" && worst !== "ahead") worst = match;
  }
  return worst;
}

/** What kind of answer the caller can make use of. A document is what brings a caller its pins, so it is never asked for them. */
export type RequestKind = "document" | "api" | "stream";

/** Where the revision pin of a request leads; `free` where it has none that holds. */
export type Steered = "free" | "here" | "elsewhere" | "gone" | "unknown";

/** What a request is judged by. */
export interface Question {
  readonly kind: RequestKind;
  readonly steered: Steered;
  /** Whether a signed revision pin led it here: whoever has one was given it together with the revision's pins. */
  readonly isSigned: boolean;
  readonly asked: Pins;
  readonly required: readonly string[];
  /** What this revision can serve; `undefined` where it cannot be read what the backend has. */
  readonly offer: Offer | undefined;
}

/** What becomes of it. `seek`: another revision may have what it asks for, and if none has, it is refused by that code. */
export type PinDecision =
  | { readonly action: "serve"; readonly isUnpinned?: true }
  | { readonly action: "follow" }
  | { readonly action: "seek"; readonly code: "backend-behind" | "client-behind" | "pins-unreadable" }
  | { readonly action: "refuse"; readonly code: PinProblemCode };

const SERVE: PinDecision = { action: "serve" };

/** Decides by revision pin, then by pins. A document whose revision is gone is served by this one. */
export function decidePins({ kind, steered, isSigned, asked, required, offer }: Question): PinDecision {
  if (steered === "elsewhere") return { action: "follow" };
  if (kind !== "document") {
    if (steered === "gone") return { action: "refuse", code: "revision-gone" };
    if (steered === "unknown") return { action: "refuse", code: "revision-unknown" };
    if (!isSigned && required.some((name) => asked[name] === undefined)) {
      return { action: "refuse", code: "pins-missing" };
    }
  }
  if (isEmpty(asked)) return SERVE;
  if (offer === undefined) return { action: "seek", code: "pins-unreadable" };
  const match = matchPins(asked, offer);
  if (match === "match") return SERVE;
  return { action: "seek", code: match === "behind" ? "client-behind" : "backend-behind" };
}

function isEmpty(asked: Pins): boolean {
  for (const _ in asked) return false;
  return true;
}

/** What is known of the other revisions that accept what is asked for. */
export type Sought =
  /** One that is live, or lets itself be drained. */
  | "live"
  /** There is one that has fallen silent, or the registry cannot be read. */
  | "unknown"
  /** There was one, and it left. */
  | "gone"
  | "none";

/** Decides what becomes of a request that this revision cannot serve. */
export function decideSought(
  code: "backend-behind" | "client-behind" | "pins-unreadable",
  sought: Sought,
): { readonly action: "route" } | { readonly action: "refuse"; readonly code: PinProblemCode } {
  switch (sought) {
    case "live":
      return { action: "route" };
    case "unknown":
      return { action: "refuse", code: "revision-unknown" };
    // Pins without an order tell only by this that the caller is the older one.
    case "gone":
      return { action: "refuse", code: code === "backend-behind" ? "client-behind" : code };
    case "none":
      return { action: "refuse", code };
    // no default
  }
}
