/** Finding a revision: pure, over what the registry said. */

import type { Pins } from "../pinned.js";
import { matchPins, type Sought } from "../pins/decide-pins.js";
import type { KnownRevision, LiveInstance, Roster } from "./roster.js";

/** This instance, which needs nobody to be found for. */
export interface Seeker {
  readonly revision: string;
  /** `undefined` before it was announced. */
  readonly instance: string | undefined;
}

/** A revision and those of its instances that have what is asked for. */
export interface FoundRevision {
  readonly revision: string;
  readonly instances: readonly LiveInstance[];
}

/** Looks for a revision, one's own among them, that has what is asked for: one that serves before one that drains, the newest first. */
export function seekRevision(
  { revisions }: Roster,
  self: Seeker,
  asked: Pins,
): { readonly sought: Sought; readonly found?: FoundRevision } {
  let best: { readonly known: KnownRevision; readonly found: FoundRevision } | undefined;
  let sought: Sought = "none";
  for (const known of revisions.values()) {
    const { revision, accepts, state } = known;
    if (isLive(known)) {
      // While they are brought up to date one by one, the instances of a revision have different indexes.
      const instances = known.instances.filter(
        ({ id, live }) => id !== self.instance && matchPins(asked, { accepts, live }) === "match",
      );
      if (instances.length > 0 && isBetter(known, best?.known)) best = { known, found: { revision, instances } };
    } else if (revision !== self.revision && acceptsAll(known, asked)) {
      if (state === "silent") sought = "unknown";
      else if (sought === "none") sought = "gone";
    }
  }
  return best === undefined ? { sought } : { sought: "live", found: best.found };
}

function isLive({ state }: KnownRevision): boolean {
  return state === "serving" || state === "draining";
}

function isBetter(one: KnownRevision, other: KnownRevision | undefined): boolean {
  if (other === undefined) return true;
  if (one.state !== other.state) return one.state === "serving";
  return one.sinceMs < other.sinceMs;
}

/** What it could serve while it was there. */
function acceptsAll({ accepts }: KnownRevision, asked: Pins): boolean {
  return Object.entries(asked).every(([name, value]) => value !== undefined && accepts[name]?.includes(value) === true);
}

/**
 * Looks for somebody else who begins what this instance does not: another instance of its own revision first, so that the
 * shares of the traffic stay as they are, then the newest revision, a canary last.
 */
export function seekServing({ revisions }: Roster, self: Seeker, asked: Pins): FoundRevision | undefined {
  let best: { readonly known: KnownRevision; readonly found: FoundRevision } | undefined;
  for (const known of revisions.values()) {
    const { revision, accepts } = known;
    const instances = known.instances.filter(
      ({ id, state, live }) =>
        id !== self.instance && state === "serving" && matchPins(asked, { accepts, live }) === "match",
    );
    if (instances.length > 0 && (best === undefined || isNearer(known, best.known, self.revision))) {
      best = { known, found: { revision, instances } };
    }
  }
  return best?.found;
}

function isNearer(one: KnownRevision, other: KnownRevision, own: string): boolean {
  if (one.revision === own || other.revision === own) return one.revision === own;
  return one.isCanary === other.isCanary ? one.sinceMs < other.sinceMs : other.isCanary;
}

/** Whether a revision was announced before the floor. Of one that nobody knows nothing is said. */
export function isBelowFloor({ revisions, floor }: Roster, revision: string): boolean {
  if (floor === undefined || floor === revision) return false;
  const lowest = revisions.get(floor);
  const asked = revisions.get(revision);
  return asked !== undefined && (lowest === undefined || asked.sinceMs > lowest.sinceMs);
}

/** The revision that a release, a revision's own id, or `canary` means. */
export function findRelease({ revisions }: Roster, name: string): KnownRevision | undefined {
  let found: KnownRevision | undefined;
  for (const each of revisions.values()) {
    const isMeant = name === "canary" ? each.isCanary : each.release === name || each.revision === name;
    if (isMeant && (found === undefined || (isLive(each) && isBetter(each, isLive(found) ? found : undefined))))
      found = each;
  }
  return found;
}
