import type { PinnedOnceover, PinRules, Pins } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import {
  createPinKeys,
  memoryRegistry,
  type RevisionRegistry,
  type RevisionsOptions,
  revisions,
} from "@onceover/core/revisions";
import { expect } from "vitest";
import type { AdapterBench, App, RouteLike } from "./adapter-bench.js";
import type { ClientAnswer } from "./adapter-request.js";
import type { NeutralHandler } from "./adapter-suite.js";

/** A server whose instance has pins. */
export interface PinnedApp extends App {
  readonly once: PinnedOnceover;
  /** Tells the other revisions that this one has left; what it serves is still served. */
  leave(): Promise<void>;
}

/** What `serveRevision` is told beside the defaults. */
export interface RevisionLike {
  readonly revision: string;
  /** @default what `PINS` has for the revision */
  readonly writes?: Pins;
  readonly accepts?: { readonly schemaRev: readonly number[] };
  readonly routes: NeutralHandler | RouteLike | readonly RouteLike[];
  readonly options?: Partial<RevisionsOptions>;
  /** @default "front" */
  readonly role?: "front" | "target";
}

/** What the two revisions of the suite have. */
export const PINS = {
  r1: { schemaRev: 11, indexHash: "ix-a" },
  r2: { schemaRev: 12, indexHash: "ix-b" },
} as const;

/** Told of the release in each answer. */
export const RELEASE = "2026-11";

/** Stands for the address of a server until it is known, and is no address of anybody. */
const HERE = "http://here.invalid";

/** Keys of the suite's revision pins. */
export const PIN_KEYS = createPinKeys({
  service: "conformance",
  keys: [{ id: "a", secret: new Uint8Array(32).fill(7) }],
});

/** Starts a server whose instance has pins, and knows of no other revision. */
export function servePinned(
  bench: AdapterBench,
  routes: RevisionLike["routes"],
  options: Parameters<typeof pins>[0] = { writes: PINS.r1 },
): Promise<PinnedApp> {
  return withRules(bench, pins(options), "r1", routes, "front");
}

/** Starts a server that is announced in a registry. */
export async function serveRevision(
  bench: AdapterBench,
  registry: RevisionRegistry,
  { revision, routes, writes, accepts, options, role = "front" }: RevisionLike,
): Promise<PinnedApp> {
  let url = HERE;
  const addressed: RevisionRegistry = {
    ...registry,
    write: (service, id, text, keepMs) => registry.write(service, id, text.replaceAll(HERE, url), keepMs),
  };
  const rules = pins({
    writes: writes ?? (revision === "r1" ? PINS.r1 : PINS.r2),
    ...(accepts && { accepts }),
    revisions: revisions({
      registry: addressed,
      address: HERE,
      publicAddress: HERE,
      release: RELEASE,
      keys: PIN_KEYS,
      forwarder: bench.forwarder(),
      addresses: ({ hostname }) => hostname === "127.0.0.1",
      ...options,
    }),
  });
  const app = await withRules(bench, rules, revision, routes, role);
  url = app.url;
  const announcing = await app.once.pins.announce();
  bench.defer(announcing.stop);
  return Object.assign(app, { leave: announcing.stop });
}

/** The instance is made by the glue; whoever wraps its rules has it, too. */
async function withRules(
  bench: AdapterBench,
  rules: PinRules,
  revision: string,
  routes: RevisionLike["routes"],
  role: "front" | "target",
): Promise<PinnedApp> {
  let once: PinnedOnceover | undefined;
  const watched: PinRules = (plain, ground) => {
    const made = rules(plain, ground);
    once = made as PinnedOnceover;
    return made;
  };
  const app = await bench.serve(routes, { revision, pins: watched }, role);
  if (once === undefined) throw new Error("start() made no instance with the pins it was given");
  return Object.assign(app, { once, leave: async () => {} });
}

/** Two revisions of one service: requests reach `front`, r2, and `target`, r1, has what only it serves. */
export async function serveTwo(
  bench: AdapterBench,
  routes: { readonly target: RevisionLike["routes"]; readonly front: RevisionLike["routes"] },
  options: Partial<RevisionsOptions> = {},
): Promise<{ readonly target: PinnedApp; readonly front: PinnedApp; readonly registry: RevisionRegistry }> {
  const registry = memoryRegistry();
  const target = await serveRevision(bench, registry, {
    revision: "r1",
    routes: routes.target,
    role: "target",
    options,
  });
  const front = await serveRevision(bench, registry, {
    revision: "r2",
    accepts: { schemaRev: [11, 12] },
    routes: routes.front,
    options,
  });
  return { target, front, registry };
}

/** Has a request ask for what only r1 has. */
export const FOR_R1 = [["Index-Hash", PINS.r1.indexHash]] as const;

/** Expects an answer to say, once, which revision it is from and what that has. */
export function expectStamped(answer: ClientAnswer, revision: keyof typeof PINS): void {
  const { schemaRev, indexHash } = PINS[revision];
  expect(stampOf(answer)).toEqual([[revision], [String(schemaRev)], [indexHash]]);
}

/** The same of one that is part of a release. */
export function expectReleased(answer: ClientAnswer, revision: keyof typeof PINS): void {
  expectStamped(answer, revision);
  expect(answer.lines("release")).toEqual([RELEASE]);
}

function stampOf({ lines }: ClientAnswer): readonly (readonly string[])[] {
  return ["revision", "schema-rev", "index-hash"].map(lines);
}

/** A server with pins alone, and one that is a revision among others: the latter has to wait before it can judge. */
export const PINNED_KINDS = [
  {
    kind: "with pins alone",
    serve: (bench: AdapterBench, routes: RouteLike) => servePinned(bench, routes),
    expectSaid: (answer: ClientAnswer) => expectStamped(answer, "r1"),
  },
  {
    kind: "among other revisions",
    serve: (bench: AdapterBench, routes: RouteLike) =>
      serveRevision(bench, memoryRegistry(), { revision: "r1", routes }),
    expectSaid: (answer: ClientAnswer) => expectReleased(answer, "r1"),
  },
] as const;
