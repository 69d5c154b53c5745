import type { Announcing } from "../../src/pinned.js";
import type { PinOptions } from "../../src/pins/pin-settings.js";
import type { RevisionsOptions } from "../../src/revisions/revisions-options.js";
import { type FakePlatform, fakePlatform } from "../fake-platform.js";
import { pinnedService, sideBySide } from "../pins/service.js";
import { type ScriptedRegistry, scriptedRegistry } from "./scripted-registry.js";

/** What has become of another revision. `none`: there is one, and it has nothing to do with the request. */
export type Others = "live" | "draining" | "silent" | "gone" | "none" | "unreadable";

/** The pins of another revision, by what it is. */
export interface Neighbour {
  readonly revision: string;
  readonly pins: PinOptions<Record<never, never>>;
  readonly more?: Partial<RevisionsOptions>;
}

/** Announces an instance of another revision. It stands on a clock of its own that never moves: it says no more on its own. */
export function announce(registry: ScriptedRegistry, { revision, pins, more = {} }: Neighbour): Promise<Announcing> {
  const address = `http://${revision}.search.internal:8080`;
  const side = sideBySide(registry, { instance: revision, address, ...more });
  return pinnedService({ revision, pins, revisions: side }).once.pins.announce();
}

/** A registry in which that neighbour is what `others` says, and the clock both stand on. */
export async function registryWith(
  others: Others,
  neighbour: Neighbour,
  bystander: Neighbour,
): Promise<{ readonly registry: ScriptedRegistry; readonly platform: FakePlatform }> {
  const platform = fakePlatform();
  const registry = scriptedRegistry(platform.monotonicMs);
  if (others === "none") await announce(registry, bystander);
  else await bring(await announce(registry, neighbour), others);
  // More than three heartbeats without a word.
  if (others === "silent") platform.pause(15_001);
  if (others === "unreadable") registry.down();
  return { registry, platform };
}

async function bring(announcing: Announcing, others: Others): Promise<void> {
  if (others === "draining") await announcing.become("draining");
  if (others === "gone") await announcing.stop();
}
