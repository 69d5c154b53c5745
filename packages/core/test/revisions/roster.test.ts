import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RegistryEntry } from "../../src/revisions/registry.js";
import { isRevisionId, readRoster } from "../../src/revisions/roster.js";
import { windowMismatches } from "../../src/revisions/window.js";

const entry = (id: string, text: string, ageMs = 0, sinceMs = ageMs): RegistryEntry => ({ id, text, ageMs, sinceMs });

const revision = (id: string, more: object = {}, sinceMs = 1000) =>
  entry(
    `r.${id}`,
    JSON.stringify({ writes: { schemaRev: 12 }, accepts: { schemaRev: [11, 12] }, ...more }),
    10,
    sinceMs,
  );

const instance = (id: string, of: string, more: object = {}, ageMs = 10) =>
  entry(
    `i.${id}`,
    JSON.stringify({
      ...{ revision: of, state: "serving", address: `http://${id}`, silentAfterMs: 15_000, live: { schemaRev: 12 } },
      ...more,
    }),
    ageMs,
  );

const stateOf = (...entries: RegistryEntry[]) => readRoster([revision("r1"), ...entries]).revisions.get("r1")?.state;

describe("readRoster()", () => {
  it("is golden", () => {
    const roster = readRoster([
      revision("r1", { release: "rel-1" }, 5000),
      instance("a", "r1", { canary: true, publicAddress: "https://a" }),
      instance("b", "r1", { state: "draining", live: { schemaRev: 11 } }, 5),
      entry("e.r1", "3"),
      entry("d.r0", "draining"),
      entry("floor", "r0"),
      entry("x.whatever", "not ours to read"),
    ]);
    expect(roster.epochs).toEqual(new Map([["r1", 3]]));
    expect(roster.floor).toBe("r0");
    expect(roster.draining).toEqual(new Set(["r0"]));
    expect([...roster.revisions]).toMatchObject([
      [
        "r1",
        {
          revision: "r1",
          state: "serving",
          sinceMs: 5000,
          isCanary: true,
          release: "rel-1",
          writes: { schemaRev: 12 },
          accepts: { schemaRev: [11, 12] },
          instances: [
            { id: "a", address: "http://a", publicAddress: "https://a", state: "serving" },
            { id: "b", address: "http://b", state: "draining", live: { schemaRev: 11 } },
          ],
        },
      ],
    ]);
  });

  it.each([
    ["serving", [instance("a", "r1")]],
    ["serving", [instance("a", "r1", {}, 15_000)]],
    ["serving", [instance("a", "r1"), instance("b", "r1", { state: "draining" })]],
    ["draining", [instance("a", "r1", { state: "draining" })]],
    ["draining", [instance("a", "r1", { state: "draining" }), instance("b", "r1", {}, 15_001)]],
    ["silent", [instance("a", "r1", {}, 15_001)]],
    ["silent", [instance("a", "r1", {}, 15_001), instance("b", "r1", { state: "closed" })]],
    ["gone", [instance("a", "r1", { state: "closed" })]],
    ["gone", []],
    ["gone", [instance("a", "r2")]],
    ["draining", [instance("a", "r1"), entry("d.r1", "draining")]],
    ["draining", [entry("d.r1", "draining"), instance("a", "r1"), instance("b", "r1", { state: "draining" })]],
    ["serving", [instance("a", "r1"), entry("d.r2", "draining")]],
    ["silent", [instance("a", "r1", {}, 15_001), entry("d.r1", "draining")]],
    ["gone", [instance("a", "r1", { state: "closed" }), entry("d.r1", "draining")]],
  ] as const)("a revision is %s by what its instances said", (state, entries) => {
    expect(stateOf(...entries)).toBe(state);
  });

  it("has no serving instance of a revision that was told to let itself be drained", () => {
    const roster = readRoster([revision("r1"), instance("a", "r1"), instance("b", "r1"), entry("d.r1", "draining")]);
    expect(roster.revisions.get("r1")?.instances.map(({ state }) => state)).toEqual(["draining", "draining"]);
  });

  it("knows of no revision that has only instances: what they accept is not known", () => {
    expect(readRoster([instance("a", "r1")]).revisions.size).toBe(0);
  });

  it.each([
    ["r.r1", "junk"],
    ["r.r1", "null"],
    ["r.r1", "[]"],
    ["r.r1", "{}"],
    ["r.r1", '{"writes":{},"accepts":[]}'],
    ["r.r1", '{"writes":{"schemaRev":null},"accepts":{}}'],
    ["r.r1", '{"writes":{},"accepts":{"schemaRev":12}}'],
    ["r.r1", '{"writes":{},"accepts":{"schemaRev":[{}]}}'],
    ["r.r1", '{"writes":{},"accepts":{},"release":7}'],
    ["i.a", "7"],
    ["i.a", '{"revision":"r1","state":"open","silentAfterMs":1,"live":{}}'],
    ["i.a", '{"revision":"r1","state":"serving","live":{}}'],
    ["i.a", '{"revision":7,"state":"serving","silentAfterMs":1,"live":{}}'],
    ["i.a", '{"revision":"r1","state":"serving","silentAfterMs":1}'],
    ["i.a", '{"revision":"r1","state":"serving","silentAfterMs":1,"live":{},"address":7}'],
    ["d.r1", ""],
    ["d.r1", "serving"],
    ["e.r1", ""],
    ["e.r1", "1.5"],
    ["e.r1", "many"],
    // A number to a parser, and none that was ever counted: taken for 0, it would let revoked pins hold again.
    ["e.r1", " "],
    ["e.r1", "-1"],
    ["e.r1", "0x1"],
  ])("gives nothing, rather than half of it, for %s: %s", (id, text) => {
    expect(() => readRoster([revision("r2"), instance("b", "r2"), entry(id, text)])).toThrow();
  });

  it("keeps a text from being more than a text: no name in it is one of every object", () => {
    const text = '{"writes":{"__proto__":1,"constructor":2},"accepts":{"__proto__":[1]},"__proto__":{"release":"x"}}';
    const roster = readRoster([entry("r.__proto__", text), instance("a", "__proto__"), entry("e.constructor", "1")]);
    const found = roster.revisions.get("__proto__");
    expect(found).toMatchObject({ state: "serving", release: undefined });
    expect(Object.keys(found?.writes ?? {})).toEqual(["__proto__", "constructor"]);
    expect(roster.epochs.get("toString")).toBe(undefined);
    expect(({} as { release?: string }).release).toBe(undefined);
  });

  const valid = fc.constantFrom(
    revision("r1"),
    revision("r2"),
    instance("a", "r1"),
    instance("b", "r2", { state: "closed" }),
    entry("e.r1", "2"),
    entry("floor", "r1"),
  );
  const junk = fc
    .tuple(fc.constantFrom("r.r1", "i.a", "e.r1"), fc.oneof(fc.string(), fc.json()))
    .filter(([id, text]) => id !== "e.r1" || !/^\d{1,15}$/.test(text))
    .map(([id, text]) => entry(id, text));

  it("gives all of it or throws, whatever texts there are, in whatever order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(valid), fc.array(junk, { maxLength: 2 }), fc.nat(6), (good, bad, at) => {
        const read = () => readRoster([...good.slice(0, at), ...bad, ...good.slice(at)]);
        if (bad.length > 0) {
          expect(read).toThrow();
          return;
        }
        const { revisions, epochs, floor } = read();
        const ids = good.map(({ id }) => id);
        const found = [...revisions.keys()].map((id) => `r.${id}`);
        expect(found.sort()).toEqual(ids.filter((id) => id.startsWith("r.")).sort());
        expect([epochs.has("r1"), floor !== undefined]).toEqual([ids.includes("e.r1"), ids.includes("floor")]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the id of a revision", () => {
  it.each(["r42", "2026-11.23_a", "9f86d081", "r".repeat(60), "."])("may be %s", (id) => {
    expect(isRevisionId(id)).toBe(true);
  });

  it.each(["", "r 2", "a/b", "r\n", "é", "r".repeat(61)])("may not be %j", (id) => {
    expect(isRevisionId(id)).toBe(false);
  });
});

describe("windowMismatches()", () => {
  const self = { revision: "r2", writes: { schemaRev: 12 }, accepts: { schemaRev: [11, 12] } };

  it.each([
    [
      "nothing where each accepts what the other writes",
      { writes: { schemaRev: 11 }, accepts: { schemaRev: [11, 12] } },
      [],
    ],
    ["what this one writes", { writes: { schemaRev: 12 }, accepts: { schemaRev: [10] } }, [["r2", "r1", 12, [10]]]],
    [
      "what the other one writes",
      { writes: { schemaRev: 13 }, accepts: { schemaRev: [12, 13] } },
      [["r1", "r2", 13, [11, 12]]],
    ],
    ["nothing where the other one has no schema", { writes: {}, accepts: {} }, []],
    ["nothing of pins without an order", { writes: { indexHash: "A" }, accepts: { indexHash: ["A"] } }, []],
  ])("finds %s", (_, other, found) => {
    const roster = readRoster([revision("r1", other), instance("a", "r1"), revision("r2")]);
    expect(windowMismatches(self, roster)).toEqual(
      found.map(([writer, reader, writes, accepts]) => ({ writer, reader, pin: "schemaRev", writes, accepts })),
    );
  });

  it.each([
    ["draining", 1],
    ["closed", 0],
  ])("looks at one that is %s: %i", (state, count) => {
    const roster = readRoster([revision("r1", { accepts: { schemaRev: [10] } }), instance("a", "r1", { state })]);
    expect(windowMismatches(self, roster)).toHaveLength(count);
  });
});
