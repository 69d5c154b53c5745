import type { RevisionsOptions } from "../../src/revisions/revisions-options.js";
import { type FakePlatform, fakePlatform } from "../fake-platform.js";
import { type PinnedService, pinnedService, sideBySide } from "../pins/service.js";
import { type ScriptedRegistry, scriptedRegistry } from "./scripted-registry.js";

export const BEAT_MS = 5000;

export interface Stage extends PinnedService {
  readonly registry: ScriptedRegistry;
  /** What the instance said last of itself. */
  said(): unknown;
  instances(): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export function stage(more: Partial<RevisionsOptions> = {}): Stage {
  const platform = fakePlatform();
  const registry = scriptedRegistry(platform.monotonicMs);
  const side = sideBySide(registry, { instance: "own", address: "http://own.search.internal:8080", ...more });
  const service = pinnedService({ platform, revisions: side });
  return {
    ...service,
    registry,
    said: () => JSON.parse(String(registry.calls.filter(({ args }) => args[1] === "i.own").at(-1)?.args[2])),
    async instances() {
      const digest = String(registry.calls.find(({ verb }) => verb === "write")?.args[0]);
      const entries = await registry.list(digest);
      return entries.filter(({ id }) => id.startsWith("i.")).map(({ text }) => JSON.parse(text));
    },
  };
}

export const beatsOf = ({ registry }: Stage) =>
  registry.calls.filter(({ args }) => String(args[1]).startsWith("i.")).length;

export interface Beside {
  readonly own: PinnedService;
  readonly r1: PinnedService;
  readonly registry: ScriptedRegistry;
  readonly platform: FakePlatform;
}

/** `r2`, and `r1`, which alone has schema revision 11, over one registry and clock. */
export function besideR1(): Beside {
  const platform = fakePlatform();
  const registry = scriptedRegistry(platform.monotonicMs);
  const at = (revision: string, schemaRev: number) =>
    pinnedService({
      revision,
      platform,
      pins: { writes: { schemaRev } },
      revisions: sideBySide(registry, { instance: revision, address: `http://${revision}.search.internal:8080` }),
    });
  return { own: at("r2", 12), r1: at("r1", 11), registry, platform };
}

export const verdictOf = async ({ ask }: PinnedService, schemaRev = "11") => {
  const { verdict, problem } = await ask("get", { headers: { "schema-rev": schemaRev } });
  return problem === undefined ? verdict : problem.code;
};
