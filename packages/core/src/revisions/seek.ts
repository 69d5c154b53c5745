/** Finding a revision: pure, over what the registry said. */

import type { Pins } from "../pinned.js";
import { matchPins, type Sought } from "../pins/decide-pins.js";
import type { InstanceAnnounced, KnownRevision, Roster } from "./roster.js";

/** Looks for a revision, `self` excepted, that has what is asked for: one that serves before one that drains, the newest first. */
export function seekRevision(
  { revisions }: Roster,
  self: string,
  asked: Pins,
): { readonly sought: Sought; readonly revision?: string } {
  let best: KnownRevision | undefined;
  let sought: Sought = "none";
  for (const each of revisions.values()) {
    if (each.revision === self) continue;
    if (isLive(each)) {
      if (matchPins(asked, each) === "match" && isBetter(each, best)) best = each;
    } else if (accepts(each, asked)) {
      if (each.state === "silent") sought = "unknown";
      else if (sought === "none") sought = "gone";
    }
  }
  return best === undefined ? { sought } : { sought: "live", revision: best.revision };
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
function accepts(revision: KnownRevision, asked: Pins): boolean {
  return Object.entries(asked).every(
    ([name, value]) => value !== undefined && revision.accepts[name]?.includes(value) === true,
  );
}

/** One of the instances of a revision at which it can be reached; `turn` is a number from 0 up to, not including, 1. */
export function pickInstance(
  instances: readonly InstanceAnnounced[],
  isReachable: (instance: InstanceAnnounced) => boolean,
  turn: number,
): InstanceAnnounced | undefined {
  const reachable = instances.filter(isReachable);
  return reachable[Math.floor(turn * reachable.length)];
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
