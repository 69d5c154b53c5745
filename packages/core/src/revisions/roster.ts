/** The revisions of a service, as the registry has them: what each announced of itself, and how long ago. */

import type { Pins, PinValue } from "../pinned.js";
import type { AcceptedPins } from "../pins/decide-pins.js";
import { isPinValue } from "../pins/own-pins.js";
import type { RegistryEntry } from "./registry.js";

/** What one instance announces: part of a revision, at an address. */
export interface InstanceAnnounced {
  readonly revision: string;
  readonly state: "serving" | "draining" | "closed";
  /** Origin for other instances. */
  readonly address?: string | undefined;
  /** Origin for clients that are redirected. */
  readonly publicAddress?: string | undefined;
  readonly canary?: boolean | undefined;
  /** After this long without a word it counts as silent, in milliseconds. */
  readonly silentAfterMs: number;
  /** What its backend had. */
  readonly live: Pins;
}

/** What a revision announces, the same from each of its instances. */
export interface RevisionAnnounced {
  readonly writes: Pins;
  readonly accepts: AcceptedPins;
  readonly release?: string | undefined;
}

/** What is known of a revision. `silent`: it did not say that it leaves, and nothing is heard of it. */
export type RevisionState = "serving" | "draining" | "silent" | "gone";

/** An instance that is there. */
export interface LiveInstance extends InstanceAnnounced {
  readonly id: string;
}

/** A revision and those of its instances that are live. */
export interface KnownRevision extends RevisionAnnounced {
  readonly revision: string;
  readonly state: RevisionState;
  /** How long ago it was announced first, in milliseconds. */
  readonly sinceMs: number;
  readonly isCanary: boolean;
  readonly instances: readonly LiveInstance[];
}

/** What the registry has of one service. */
export interface Roster {
  readonly revisions: ReadonlyMap<string, KnownRevision>;
  readonly epochs: ReadonlyMap<string, number>;
  /** Revisions that were told to let themselves be drained. */
  readonly draining: ReadonlySet<string>;
  /** Pins of revisions that were announced before this one are refused. */
  readonly floor: string | undefined;
}

/** The ids of a service's texts: one for each instance, revision, epoch and revision to be drained, and the floor. */
export const ids = {
  instance: (id: string) => `i.${id}`,
  revision: (revision: string) => `r.${revision}`,
  epoch: (revision: string) => `e.${revision}`,
  draining: (revision: string) => `d.${revision}`,
  floor: "floor",
} as const;

/** What stands in the registry of a revision that was told to let itself be drained. */
export const DRAINING = "draining";

/** Whether a revision's id can be part of a registry's. */
export function isRevisionId(revision: string): boolean {
  return /^[0-9A-Za-z._-]{1,60}$/.test(revision);
}

/**
 * Reads what a registry has.
 * @throws {TypeError} where a text is none of ours: then nothing is known, rather than half of it.
 */
export function readRoster(entries: readonly RegistryEntry[]): Roster {
  const epochs = new Map<string, number>();
  const announced = new Map<string, RevisionAnnounced & { readonly sinceMs: number }>();
  const draining = new Set<string>();
  const heard: Heard[] = [];
  let floor: string | undefined;
  for (const { id, text, ageMs, sinceMs } of entries) {
    const name = id.slice(2);
    if (id === ids.floor) floor = text;
    else if (id.startsWith("e.")) epochs.set(name, wholeNumber(text));
    else if (id.startsWith("d.")) draining.add(drainingOf(text, name));
    else if (id.startsWith("r.")) announced.set(name, { ...revisionOf(text), sinceMs });
    else if (id.startsWith("i.")) heard.push({ ...instanceOf(text), id: name, ageMs });
  }
  const revisions = new Map<string, KnownRevision>();
  for (const [revision, about] of announced) {
    revisions.set(
      revision,
      knownRevision(
        revision,
        about,
        heard.filter((each) => each.revision === revision),
        draining.has(revision),
      ),
    );
  }
  return { revisions, epochs, draining, floor };
}

type Heard = LiveInstance & { readonly ageMs: number };

function knownRevision(
  revision: string,
  about: RevisionAnnounced & { readonly sinceMs: number },
  heard: readonly Heard[],
  isDraining: boolean,
): KnownRevision {
  const open = heard
    .filter((each) => each.state !== "closed")
    .map((each): Heard => (isDraining ? { ...each, state: "draining" } : each));
  const live = open.filter((each) => each.ageMs <= each.silentAfterMs);
  const [best] = servingFirst(live);
  const state =
    open.length === 0 ? "gone" : best === undefined ? "silent" : best.state === "serving" ? "serving" : "draining";
  return {
    ...about,
    revision,
    state,
    instances: live,
    isCanary: live.some((each) => each.canary === true),
  };
}

/** Those instances that serve, or where none does, those that let themselves be drained. */
export function servingFirst<Instance extends InstanceAnnounced>(instances: readonly Instance[]): readonly Instance[] {
  const serving = instances.filter(({ state }) => state === "serving");
  return serving.length > 0 ? serving : instances;
}

function revisionOf(text: string): RevisionAnnounced {
  const { writes, accepts, release } = objectOf(text);
  if (release !== undefined && typeof release !== "string") throw unreadable();
  return { writes: pinsOf(writes), accepts: acceptsOf(accepts), release };
}

function instanceOf(text: string): InstanceAnnounced {
  const { revision, state, address, publicAddress, canary, silentAfterMs, live } = objectOf(text);
  if (typeof revision !== "string" || typeof silentAfterMs !== "number") throw unreadable();
  if (state !== "serving" && state !== "draining" && state !== "closed") throw unreadable();
  return {
    revision,
    state,
    address: textOf(address),
    publicAddress: textOf(publicAddress),
    canary: canary === true,
    silentAfterMs,
    live: pinsOf(live),
  };
}

function drainingOf(text: string, revision: string): string {
  if (text === DRAINING) return revision;
  throw unreadable();
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  return recordOf(value);
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw unreadable();
}

function pinsOf(value: unknown): Pins {
  return Object.fromEntries(Object.entries(recordOf(value)).map(([name, each]) => [name, pinValue(each)]));
}

function acceptsOf(value: unknown): AcceptedPins {
  return Object.fromEntries(
    Object.entries(recordOf(value)).map(([name, each]) => {
      if (!Array.isArray(each)) throw unreadable();
      return [name, each.map(pinValue)];
    }),
  );
}

function pinValue(value: unknown): PinValue {
  if (isPinValue(value)) return value;
  throw unreadable();
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  throw unreadable();
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw unreadable();
}

function unreadable(): TypeError {
  return new TypeError("the registry has a text that no revision of this library has written");
}
