import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Pins } from "../../src/pinned.js";
import type { KnownRevision, LiveInstance, RevisionState, Roster } from "../../src/revisions/roster.js";
import { findRelease, isBelowFloor, seekRevision, seekServing } from "../../src/revisions/seek.js";

const instance = (id: string, revision: string, live: Pins): LiveInstance => ({
  ...{ id, revision, state: "serving", silentAfterMs: 1 },
  live,
});

/** A revision of one instance, `<revision>-1`, that has `live`. */
const known = (
  revision: string,
  state: RevisionState,
  { live = { indexHash: "A" }, ...more }: Partial<KnownRevision> & { readonly live?: Pins } = {},
): KnownRevision => ({
  ...{ revision, state, sinceMs: 1000, isCanary: false, instances: [instance(`${revision}-1`, revision, live)] },
  ...{ writes: { indexHash: "A" }, accepts: { indexHash: ["A"] } },
  ...more,
});

const SELF = { revision: "r2", instance: "r2-1" };

const rosterOf = (...revisions: KnownRevision[]): Roster => ({
  revisions: new Map(revisions.map((each) => [each.revision, each])),
  epochs: new Map(),
  draining: new Set<string>(),
  floor: undefined,
});

const A: Pins = { indexHash: "A" };

/** A revision's instances, where it drains, and where it has none. */
const DRAINING = { instances: [{ ...instance("r1-1", "r1", A), state: "draining" as const }] };
const NOBODY = { instances: [] };

describe("seekServing()", () => {
  const own = (id: string, state: LiveInstance["state"] = "serving") =>
    known("r2", "serving", { instances: [{ ...instance(id, "r2", A), state }] });
  const canary = known("r4", "serving", { isCanary: true, sinceMs: 1 });
  const newer = known("r3", "serving", { sinceMs: 10 });
  const older = known("r1", "serving");

  it.each([
    ["nobody among nobody", [], undefined],
    ["not itself", [own("r2-1")], undefined],
    [
      "nobody who drains, is silent or gone",
      [known("r1", "draining", DRAINING), known("r0", "gone", NOBODY)],
      undefined,
    ],
    ["another instance of its own revision before any other", [newer, own("r2-2"), canary], "r2"],
    ["in any order", [own("r2-2"), canary, newer], "r2"],
    ["another revision where its own drains", [own("r2-2", "draining"), older], "r1"],
    ["the newest", [older, newer], "r3"],
    ["in the other order, too", [newer, older], "r3"],
    ["a canary last, though it is the newest", [canary, older], "r1"],
    ["in the other order", [older, canary], "r1"],
    ["a canary where there is nobody else", [canary], "r4"],
    ["not one that has something else", [known("r1", "serving", { live: { indexHash: "B" } })], undefined],
    ["not one that does not accept it", [known("r1", "serving", { accepts: {} })], undefined],
  ] as const)("finds %s", (_, revisions, found) => {
    expect(seekServing(rosterOf(...revisions), SELF, A)?.revision).toBe(found);
  });

  it("finds all instances of the revision that are serving", () => {
    const instances = (["serving", "draining", "serving"] as const).map((state, at) => ({
      ...instance(`r1-${at}`, "r1", A),
      state,
    }));
    const found = seekServing(rosterOf(known("r1", "serving", { instances })), SELF, {});
    expect(found?.instances.map(({ id }) => id)).toEqual(["r1-0", "r1-2"]);
  });
});

describe("seekRevision()", () => {
  it.each([
    ["nobody among nobody", [], "none"],
    ["one that serves", [known("r1", "serving")], "r1"],
    ["one that drains", [known("r1", "draining")], "r1"],
    [
      "one that serves before one that drains, though that is newer",
      [known("r1", "serving"), known("r3", "draining", { sinceMs: 1 })],
      "r1",
    ],
    [
      "the newest of those that serve",
      [known("r1", "serving"), known("r3", "serving", { sinceMs: 1 }), known("r0", "serving")],
      "r3",
    ],
    ["not itself", [known("r2", "serving")], "none"],
    ["not one that accepts it and has it not", [known("r1", "serving", { live: { indexHash: "B" } })], "none"],
    ["not one that has it and does not accept it", [known("r1", "serving", { accepts: {} })], "none"],
    ["one that fell silent: unknown", [known("r1", "silent")], "unknown"],
    ["one that left: gone", [known("r1", "gone")], "gone"],
    ["silent before gone, in any order", [known("r1", "silent"), known("r0", "gone")], "unknown"],
    ["silent before gone, in the other order", [known("r0", "gone"), known("r1", "silent")], "unknown"],
    ["one that is live before all others", [known("r0", "gone"), known("r1", "silent"), known("r3", "draining")], "r3"],
    ["silent, but not of ours", [known("r1", "silent", { accepts: { indexHash: ["B"] } })], "none"],
  ] as const)("finds %s", (_, revisions, found) => {
    const { sought, found: best } = seekRevision(rosterOf(...revisions), SELF, A);
    expect(best?.revision ?? sought).toBe(found);
    expect(sought === "live").toBe(best !== undefined);
  });

  it("finds those instances of a revision that have it, though others of it do not, itself excepted", () => {
    const instances = [
      instance("r2-1", "r2", { indexHash: "A" }),
      instance("r2-2", "r2", { indexHash: "B" }),
      instance("r2-3", "r2", { indexHash: "A" }),
    ];
    const both = { accepts: { indexHash: ["A", "B"] }, instances };
    const { found } = seekRevision(rosterOf(known("r2", "serving", both)), SELF, A);
    expect([found?.revision, found?.instances.map(({ id }) => id)]).toEqual(["r2", ["r2-3"]]);
    expect(seekRevision(rosterOf(known("r2", "serving", both)), SELF, { indexHash: "C" })).toEqual({ sought: "none" });
  });

  const any = fc
    .record({
      revision: fc.constantFrom("r0", "r1", "r2", "r3", "r4"),
      state: fc.constantFrom<RevisionState>("serving", "draining", "silent", "gone"),
      sinceMs: fc.nat(5),
      schemaRev: fc.integer({ min: 10, max: 13 }),
      accepted: fc.subarray([10, 11, 12, 13]),
    })
    .map(({ revision, state, sinceMs, schemaRev, accepted }) =>
      known(revision, state, { sinceMs, writes: {}, accepts: { schemaRev: accepted }, live: { schemaRev } }),
    );

  it("is what the reference says, for any roster", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(any, { selector: ({ revision }) => revision }),
        fc.integer({ min: 9, max: 14 }),
        (all, asked) => {
          const { sought, found } = seekRevision(rosterOf(...all), SELF, { schemaRev: asked });
          const others = all.filter((each) => each.revision !== "r2");
          const accepting = others.filter(({ accepts }) => accepts.schemaRev?.includes(asked));
          const ready = accepting.filter(
            ({ state, instances }) => /serving|draining/.test(state) && Number(instances[0]?.live.schemaRev) >= asked,
          );
          if (ready.length > 0) {
            const serving = ready.filter(({ state }) => state === "serving");
            const best = Math.min(...(serving.length > 0 ? serving : ready).map(({ sinceMs }) => sinceMs));
            const chosen = ready.find((each) => each.revision === found?.revision);
            expect([sought, chosen?.sinceMs, chosen?.state]).toEqual([
              "live",
              best,
              serving.length > 0 ? "serving" : "draining",
            ]);
            return;
          }
          const states = accepting.map(({ state }) => state);
          expect(sought).toBe(states.includes("silent") ? "unknown" : states.includes("gone") ? "gone" : "none");
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe("isBelowFloor()", () => {
  const roster = {
    ...rosterOf(
      known("r0", "gone", { sinceMs: 30 }),
      known("r1", "serving", { sinceMs: 20 }),
      known("r2", "serving", { sinceMs: 10 }),
    ),
  };

  it.each([
    ["r1", "r0", true],
    ["r1", "r1", false],
    ["r1", "r2", false],
    // Nobody knows when it was announced: it is not said of it that it is too old.
    ["r1", "r9", false],
    // The floor was forgotten, or mistyped: nothing that is known can be told to be above it.
    ["r9", "r2", true],
    ["r9", "r9", false],
    [undefined, "r0", false],
  ])("floor %s, revision %s: %s", (floor, revision, isBelow) => {
    expect(isBelowFloor({ ...roster, floor }, revision)).toBe(isBelow);
  });
});

describe("findRelease()", () => {
  const roster = rosterOf(
    known("r1", "gone", { release: "rel-1", isCanary: true }),
    known("r2", "draining", { release: "rel-2", sinceMs: 20 }),
    known("r3", "serving", { release: "rel-2", sinceMs: 30 }),
    known("r4", "serving", { release: "rel-4", isCanary: true }),
    known("r5", "serving", { release: "rel-4", isCanary: false, sinceMs: 5 }),
  );

  it.each([
    ["canary", "r4"],
    ["rel-1", "r1"],
    ["rel-2", "r3"],
    ["rel-4", "r5"],
    ["r2", "r2"],
    ["rel-9", undefined],
    ["", undefined],
    ["__proto__", undefined],
  ])("%j is %s", (name, revision) => {
    expect(findRelease(roster, name)?.revision).toBe(revision);
  });
});
