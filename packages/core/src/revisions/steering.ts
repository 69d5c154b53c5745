/** What the revision pins of a request come to. */

import type { OnceoverEvent, PinDropped } from "../event.js";
import type { RequestFacts } from "../facts.js";
import type { Steered } from "../pins/decide-pins.js";
import type { MaybePromise } from "../platform.js";
import type { PinClaims, PinKeys } from "./pin-keys.js";
import { type CarriedPin, carriedDeployments, carriedPins } from "./revision-pin.js";
import type { KnownRevision, Roster } from "./roster.js";
import type { Steer } from "./router.js";
import { findRelease, isBelowFloor } from "./seek.js";

/** Who may steer a request to a release by `X-Release` and `X-Canary`: everybody, whoever has a signed token, or whom a function admits. */
export type OverrideRule = "open" | "signed" | ((facts: RequestFacts) => MaybePromise<boolean>);

/** What steering needs. */
export interface SteeringGround {
  readonly revision: string;
  readonly release: string | undefined;
  readonly isCanary: boolean;
  readonly keys: PinKeys | undefined;
  readonly override: OverrideRule | undefined;
  /** Whether the unsigned deployment ids of Next.js count. */
  readonly deploymentId: boolean;
  /** Whether the cookie counts. */
  readonly hasCookie: boolean;
  /** What is left of a pin for it not to be renewed, in milliseconds. */
  readonly renewBelowMs: number;
  epochMs(): number;
  /** `undefined` where the registry cannot be read. */
  roster(how?: "recent"): MaybePromise<Roster | undefined>;
  emit(event: OnceoverEvent): void;
}

const FREE: Steer = { steered: "free" };

/** Says where a request is pinned to: at once where it carries nothing that could pin it. */
export function steer(ground: SteeringGround, facts: RequestFacts): MaybePromise<Steer> {
  const { keys, override, deploymentId } = ground;
  const asked = override === undefined ? undefined : askedRelease(facts);
  const pins = keys === undefined ? NO_PINS : carriedPins(facts, ground.hasCookie);
  const deployments = deploymentId ? carriedDeployments(facts) : NO_PINS;
  if (asked === undefined && pins.length + deployments.length === 0) return FREE;
  return steerBy(ground, facts, asked, pins, deployments);
}

const NO_PINS: readonly CarriedPin[] = [];

/** Looks once more, into a list that is recent, before a revision is not there: it may have come a moment ago. */
async function steerBy(
  ground: SteeringGround,
  facts: RequestFacts,
  asked: string | undefined,
  pins: readonly CarriedPin[],
  deployments: readonly CarriedPin[],
): Promise<Steer> {
  const led = await steerIn(ground, facts, asked, pins, deployments, await ground.roster());
  if (led.steered !== "unknown" && led.steered !== "gone") return led;
  const silently = { ...ground, emit: () => {} };
  return steerIn(silently, facts, asked, pins, deployments, await ground.roster("recent"));
}

/** By what counts most: override, signed pins, deployment ids. What does not hold is dropped, and the next one counts. */
async function steerIn(
  ground: SteeringGround,
  facts: RequestFacts,
  asked: string | undefined,
  pins: readonly CarriedPin[],
  deployments: readonly CarriedPin[],
  roster: Roster | undefined,
): Promise<Steer> {
  const overridden = asked === undefined ? undefined : await steerByRelease(ground, facts, asked, roster);
  if (overridden !== undefined) return overridden;
  let dropsCookie = false;
  for (const pin of pins) {
    const held = await holds(ground, pin, "pin", roster);
    if (typeof held === "object") {
      const led = steerTo(ground, held, roster);
      return { ...led, dropsCookie: dropsCookie || (pin.from === "cookie" && led.steered === "gone") };
    }
    if (pin.from === "cookie") dropsCookie = true;
    ground.emit({ type: "pin-dropped", why: held, from: pin.from });
  }
  for (const { text, from } of deployments) {
    const why = text === undefined ? "duplicated" : unsignedHolds(ground, text, roster);
    if (why === undefined && text !== undefined) return { ...steerToRevision(ground, text, roster), dropsCookie };
    ground.emit({ type: "pin-dropped", why: why ?? "malformed", from });
  }
  return dropsCookie ? { steered: "free", dropsCookie } : FREE;
}

function askedRelease({ header }: RequestFacts): string | undefined {
  const [release] = header("x-release");
  if (release !== undefined) return release.trim();
  const [canary] = header("x-canary");
  return canary !== undefined && canary.trim().toLowerCase() === "true" ? "canary" : undefined;
}

/** Whoever asks for a release by name gets that one or none: a probe that met another one would prove nothing. */
async function steerByRelease(
  ground: SteeringGround,
  facts: RequestFacts,
  asked: string,
  roster: Roster | undefined,
): Promise<Steer | undefined> {
  const { override, revision, release, isCanary } = ground;
  if (override === "signed") {
    const held = await holds(ground, { from: "override", text: asked }, "override", roster);
    if (typeof held === "object") return { ...steerToRevision(ground, held.revision, roster), isSigned: true };
    ground.emit({ type: "pin-dropped", why: held, from: "override" });
    return undefined;
  }
  if (typeof override === "function" && !(await admits(override, facts))) return undefined;
  // Nobody has to have heard of this instance for it to be what it is.
  const isMeant = asked === "canary" ? isCanary : asked === revision || asked === release;
  if (isMeant) return { steered: "here", revision };
  if (roster === undefined) return { steered: "unknown" };
  const found = findRelease(roster, asked);
  return found === undefined ? { steered: "gone" } : steerToRevision(ground, found.revision, roster);
}

/** A function that throws admits nobody. */
async function admits(override: (facts: RequestFacts) => MaybePromise<boolean>, facts: RequestFacts): Promise<boolean> {
  try {
    return (await override(facts)) === true;
  } catch {
    return false;
  }
}

/** The claims of a pin, or why it does not hold. */
async function holds(
  { keys, epochMs }: SteeringGround,
  { text }: CarriedPin,
  kind: PinClaims["kind"],
  roster: Roster | undefined,
): Promise<PinClaims | PinDropped> {
  if (text === undefined || keys === undefined) return "duplicated";
  const verified = await keys.verify(text, epochMs());
  if (verified.outcome === "refused") return verified.why;
  const { claims } = verified;
  if (claims.kind !== kind) return "malformed";
  if (roster === undefined) return claims;
  if (claims.epoch < (roster.epochs.get(claims.revision) ?? 0)) return "revoked";
  return isBelowFloor(roster, claims.revision) ? "too-old" : claims;
}

/** An id that nobody signed holds for a revision that was never rolled back. */
function unsignedHolds({ revision }: SteeringGround, text: string, roster: Roster | undefined): PinDropped | undefined {
  if (text === revision || roster === undefined) return undefined;
  if (!roster.revisions.has(text)) return "malformed";
  if ((roster.epochs.get(text) ?? 0) > 0) return "revoked";
  return isBelowFloor(roster, text) ? "too-old" : undefined;
}

function steerTo(ground: SteeringGround, claims: PinClaims, roster: Roster | undefined): Steer {
  const led = steerToRevision(ground, claims.revision, roster);
  // One of another revision, even of one that is gone, is no pin of this one.
  const isPinned = led.steered === "here" && claims.expiresAtMs - ground.epochMs() > ground.renewBelowMs;
  return { ...led, isPinned, isSigned: true };
}

function steerToRevision({ revision: self }: SteeringGround, revision: string, roster: Roster | undefined): Steer {
  if (revision === self) return { steered: "here", revision };
  return { steered: steeredBy(roster?.revisions.get(revision)), revision };
}

/** Unknown is never taken for gone. */
function steeredBy(known: KnownRevision | undefined): Steered {
  switch (known?.state) {
    case "serving":
    case "draining":
      return "elsewhere";
    case "gone":
      return "gone";
    case "silent":
    case undefined:
      return "unknown";
    // no default
  }
}
