import { readFileSync } from "node:fs";
import { type DrainReport, verdictOf } from "@onceover/core/drain";
import schema from "@onceover/core/drain-report.schema.json" with { type: "json" };
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";

const EXAMPLE = {
  format: 1,
  service: "payments",
  revision: "r42",
  reason: "SIGTERM",
  startedAt: "2026-04-01T10:52:15.873Z",
  durationMs: 6_412,
  budgetMs: 28_000,
  phases: {
    hold: { ms: 2_003, endedBy: "quiet" },
    drain: { ms: 4_120, endedBy: "done" },
    farewell: { ms: 289, endedBy: "done" },
  },
  requests: { atStart: 3, served: 40, refused: 2, reconnected: 1, finished: 42, gone: 1, cut: 0 },
  connections: { atStart: 12, opened: 4, unfinished: 1 },
  streams: [
    {
      class: "sse",
      kind: "endless",
      revision: { start: "r42", end: "r42" },
      bytes: 18_220,
      events: 140,
      lastId: "140",
      outcome: "handed-off",
      durationMs: 61_020.5,
    },
    {
      class: "other",
      kind: "finite",
      revision: { start: "r41", end: "r42" },
      bytes: 0,
      events: null,
      lastId: null,
      outcome: "finished",
      durationMs: 900,
    },
  ],
  interrupted: [],
  hooks: [{ hook: "onHold", outcome: "ok" }],
  verdict: "clean",
} as const satisfies DrainReport;

const INTERRUPTED: DrainReport = {
  ...EXAMPLE,
  requests: { ...EXAMPLE.requests, finished: 41, cut: 1 },
  streams: EXAMPLE.streams.map((stream) => ({ ...stream, outcome: "cut" })),
  interrupted: [{ keyDigest: "1f2e3d", attempt: 1, fence: 7 }],
  verdict: "cut",
};

const holds = new Ajv2020({ strictTypes: false }).compile(schema);

type Path = readonly (string | number)[];

/** Every value within a value, by where it is. */
function* within(value: unknown, path: Path = []): Generator<readonly [Path, unknown]> {
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(name) : name];
    yield [at, inner];
    yield* within(inner, at);
  }
}

/** A copy with one value changed; `undefined` takes it away. */
function withValue(report: object, path: Path, value: unknown): object {
  const copy = structuredClone(report);
  const parent = path.slice(0, -1).reduce((inner, name) => Reflect.get(inner, name), copy);
  const last = path.at(-1) ?? "";
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else Reflect.set(parent, last, value);
  return copy;
}

const everywhere = [...within(INTERRUPTED)].map(([path, value]) => [path.join("."), path, value] as const);
const members = everywhere.filter(([, path]) => typeof path.at(-1) === "string");
const objects = everywhere.filter(
  ([, , value]) => typeof value === "object" && value !== null && !Array.isArray(value),
);

describe("the schema of the drain report", () => {
  it("holds for a clean report and for one of a drain that was cut", () => {
    expect([holds(EXAMPLE), holds.errors]).toEqual([true, null]);
    expect([holds(INTERRUPTED), holds.errors]).toEqual([true, null]);
    for (const report of [EXAMPLE, INTERRUPTED]) expect(verdictOf(report)).toBe(report.verdict);
  });

  it("holds for a report of an instance that had nothing to do", () => {
    expect(holds({ ...EXAMPLE, streams: [], hooks: [] })).toBe(true);
  });

  it.each(members)("is broken by a report without %s", (_, path) => {
    expect(holds(withValue(INTERRUPTED, path, undefined))).toBe(false);
  });

  it.each([["", [], EXAMPLE] as const, ...objects])("is broken by an unknown member of %s", (_, path) => {
    expect(holds(withValue(INTERRUPTED, [...path, "unknown"], 1))).toBe(false);
  });

  it.each(everywhere)("is broken by a value of another kind at %s", (_, path, value) => {
    for (const other of [true, { other: 1 }, [1]]) expect(holds(withValue(INTERRUPTED, path, other))).toBe(false);
    // A last id may be any text, and so may names.
    const isText = typeof value === "string" || path.at(-1) === "lastId";
    if (!isText) expect(holds(withValue(INTERRUPTED, path, "text"))).toBe(false);
  });

  it.each(everywhere.filter(([, , value]) => typeof value === "number"))("is broken by %s below zero", (_, path) => {
    expect(holds(withValue(INTERRUPTED, path, -1))).toBe(false);
  });

  it.each(everywhere.filter(([name]) => /^(requests|connections)\.|bytes|events|attempt|fence/.test(name)))(
    "is broken by half of one of %s",
    (_, path) => {
      expect(holds(withValue(INTERRUPTED, path, 1.5))).toBe(false);
    },
  );

  it.each<readonly [string, Path, unknown]>([
    ["another version", ["format"], 2],
    ["an empty revision", ["revision"], ""],
    ["a start that is no time", ["startedAt"], "yesterday"],
    ["a start without a zone", ["startedAt"], "2026-04-01T10:52:15"],
    ["a hold that was done", ["phases", "hold", "endedBy"], "done"],
    ["a drain that was quiet", ["phases", "drain", "endedBy"], "quiet"],
    ["a stream of no known class", ["streams", 0, "class"], "socket"],
    ["a stream of no known kind", ["streams", 0, "kind"], "long"],
    ["an outcome that there is not", ["streams", 0, "outcome"], "lost"],
    ["an empty last id, which is none", ["streams", 0, "lastId"], ""],
    ["a hook that ended otherwise", ["hooks", 0, "outcome"], "skipped"],
    ["another verdict", ["verdict"], "good"],
    ["a run before the first", ["interrupted", 0, "attempt"], 0],
  ])("is broken by %s", (_, path, value) => {
    expect(holds(withValue(INTERRUPTED, path, value))).toBe(false);
  });

  it.each<readonly [string, Path, unknown]>([
    ["a request that was cut", ["requests", "cut"], 1],
    ["a stream that was cut", ["streams", 0, "outcome"], "cut"],
    ["an interrupted run", ["interrupted"], INTERRUPTED.interrupted],
  ])("calls no report clean that has %s, and lets that alone be a reason for the other verdict", (_, path, value) => {
    const report = withValue(EXAMPLE, path, value);
    expect(holds(report)).toBe(false);
    expect(holds({ ...report, verdict: "cut" })).toBe(true);
  });

  it("calls no report cut where nothing was", () => {
    expect(holds({ ...EXAMPLE, verdict: "cut" })).toBe(false);
  });

  it("describes every member", () => {
    const named = [...within(schema)].filter(([path]) => path.at(-2) === "properties" && isDescribed(path));
    expect(named.length).toBeGreaterThan(40);
    for (const [path, member] of named) expect(member, path.join(".")).toHaveProperty("description");
  });

  it("is published with the package", () => {
    const manifest = JSON.parse(readFileSync(new URL("../packages/core/package.json", import.meta.url), "utf8"));
    expect(manifest.files).toContain("drain-report.schema.json");
  });
});

/** The conditions at the end, and what a phase narrows, describe nothing anew. */
function isDescribed(path: Path): boolean {
  const isCondition = path.some((name) => name === "if" || name === "then" || name === "else");
  return !isCondition && !(path[1] === "phases" && path.at(-1) === "endedBy");
}
