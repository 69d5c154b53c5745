import type { PinClaims } from "../../src/revisions/pin-keys.js";
import type { RevisionsOptions } from "../../src/revisions/revisions-options.js";
import { fakePlatform } from "../fake-platform.js";
import { type Asked, KEYS, type PinnedService, pinnedService, sideBySide } from "../pins/service.js";
import { announce } from "./neighbour.js";
import { type ScriptedRegistry, scriptedRegistry } from "./scripted-registry.js";

const HOUR_MS = 3_600_000;
export const NOW_MS = 1_700_000_000_000;

export interface Stage extends PinnedService {
  readonly registry: ScriptedRegistry;
  /** Where a request goes: `served` is here, at `r2`. */
  to(asked: Asked): Promise<unknown>;
  dropped(): unknown[];
}

/** `r2`, beside `r0` and `r1`, announced a minute apart in this order, and the canary `r3` of the release `rel-3`. */
export async function stage(more: Partial<RevisionsOptions> = {}): Promise<Stage> {
  const platform = fakePlatform();
  const registry = scriptedRegistry(platform.monotonicMs);
  for (const revision of ["r0", "r1", "r2", "r3"]) {
    platform.pause(1000);
    const of = revision === "r3" ? { canary: true, release: "rel-3" } : { release: `rel-${revision.slice(1)}` };
    await announce(registry, { revision, pins: { writes: { schemaRev: 12 } }, more: of });
  }
  const service = pinnedService({
    platform: { ...platform, epochMs: () => NOW_MS },
    pins: { writes: { schemaRev: 12 } },
    revisions: sideBySide(registry, more),
  });
  return {
    ...service,
    platform,
    registry,
    to: async (asked) => {
      const { verdict, problem } = await service.ask("get", asked);
      return problem?.code ?? verdict;
    },
    dropped: () => service.events.flatMap((event) => (event.type === "pin-dropped" ? [[event.why, event.from]] : [])),
  };
}

export const sign = (claims: Partial<PinClaims> = {}): Promise<string> =>
  KEYS.sign({ kind: "pin", revision: "r1", epoch: 0, expiresAtMs: NOW_MS + HOUR_MS, ...claims });
export const override = (revision: string) => sign({ kind: "override", revision });

export const byHeader = (pin: string): Asked => ({ headers: { "revision-pin": pin } });
export const byQuery = (pin: string): Asked => ({ target: `/search?revision-pin=${pin}` });
export const byCookie = (pin: string): Asked => ({ headers: { cookie: `__Host-revision-pin=${pin}` } });
