import { describe, expect, it } from "vitest";
import type { MountPinOptions } from "../../src/pinned.js";
import { type Neighbour, type Others, registryWith } from "../revisions/neighbour.js";
import { type Kind, type Outcome, pinnedService, sideBySide } from "./service.js";
import { cell, rowsOf } from "./table.js";

/**
 * Every request to an instance of `r2`, which writes schema revision 12 and accepts 11, beside `r3`, which writes 13 and
 * accepts 10, and whose state the second column says. What the cells mean stands below, in `WORDS`.
 */
const TABLE = rowsOf(`
pin          r3          pins are  document  get       post      stream
absent       live        optional  here      here      here      pinned
absent       live        required  here      428       428       428
absent       draining    optional  here      here      here      pinned
absent       draining    required  here      428       428       428
absent       silent      optional  here      here      here      pinned
absent       silent      required  here      428       428       428
absent       gone        optional  here      here      here      pinned
absent       gone        required  here      428       428       428
absent       none        optional  here      here      here      pinned
absent       none        required  here      428       428       428
absent       unreadable  optional  here      here      here      here
absent       unreadable  required  here      428       428       428
equal        live        optional  here      here      here      pinned
equal        live        required  here      here      here      pinned
equal        draining    optional  here      here      here      pinned
equal        draining    required  here      here      here      pinned
equal        silent      optional  here      here      here      pinned
equal        silent      required  here      here      here      pinned
equal        gone        optional  here      here      here      pinned
equal        gone        required  here      here      here      pinned
equal        none        optional  here      here      here      pinned
equal        none        required  here      here      here      pinned
equal        unreadable  optional  here      here      here      here
equal        unreadable  required  here      here      here      here
ahead        live        optional  to-r3     to-r3     to-r3     to-r3
ahead        live        required  to-r3     to-r3     to-r3     to-r3
ahead        draining    optional  to-r3     to-r3     to-r3     to-r3
ahead        draining    required  to-r3     to-r3     to-r3     to-r3
ahead        silent      optional  unknown   unknown   unknown   unknown
ahead        silent      required  unknown   unknown   unknown   unknown
ahead        gone        optional  old       old       old       old
ahead        gone        required  old       old       old       old
ahead        none        optional  ahead     ahead     ahead     ahead
ahead        none        required  ahead     ahead     ahead     ahead
ahead        unreadable  optional  unknown   unknown   unknown   unknown
ahead        unreadable  required  unknown   unknown   unknown   unknown
behind       live        optional  to-r3     to-r3     to-r3     to-r3
behind       live        required  to-r3     to-r3     to-r3     to-r3
behind       draining    optional  to-r3     to-r3     to-r3     to-r3
behind       draining    required  to-r3     to-r3     to-r3     to-r3
behind       silent      optional  unknown   unknown   unknown   unknown
behind       silent      required  unknown   unknown   unknown   unknown
behind       gone        optional  old       old       old       old
behind       gone        required  old       old       old       old
behind       none        optional  old       old       old       old
behind       none        required  old       old       old       old
behind       unreadable  optional  unknown   unknown   unknown   unknown
behind       unreadable  required  unknown   unknown   unknown   unknown
malformed    live        optional  400       400       400       400
malformed    live        required  400       400       400       400
malformed    draining    optional  400       400       400       400
malformed    draining    required  400       400       400       400
malformed    silent      optional  400       400       400       400
malformed    silent      required  400       400       400       400
malformed    gone        optional  400       400       400       400
malformed    gone        required  400       400       400       400
malformed    none        optional  400       400       400       400
malformed    none        required  400       400       400       400
malformed    unreadable  optional  400       400       400       400
malformed    unreadable  required  400       400       400       400
agreeing     live        optional  here      here      here      pinned
agreeing     live        required  here      here      here      pinned
agreeing     draining    optional  here      here      here      pinned
agreeing     draining    required  here      here      here      pinned
agreeing     silent      optional  here      here      here      pinned
agreeing     silent      required  here      here      here      pinned
agreeing     gone        optional  here      here      here      pinned
agreeing     gone        required  here      here      here      pinned
agreeing     none        optional  here      here      here      pinned
agreeing     none        required  here      here      here      pinned
agreeing     unreadable  optional  here      here      here      here
agreeing     unreadable  required  here      here      here      here
disagreeing  live        optional  400x2     400x2     400x2     400x2
disagreeing  live        required  400x2     400x2     400x2     400x2
disagreeing  draining    optional  400x2     400x2     400x2     400x2
disagreeing  draining    required  400x2     400x2     400x2     400x2
disagreeing  silent      optional  400x2     400x2     400x2     400x2
disagreeing  silent      required  400x2     400x2     400x2     400x2
disagreeing  gone        optional  400x2     400x2     400x2     400x2
disagreeing  gone        required  400x2     400x2     400x2     400x2
disagreeing  none        optional  400x2     400x2     400x2     400x2
disagreeing  none        required  400x2     400x2     400x2     400x2
disagreeing  unreadable  optional  400x2     400x2     400x2     400x2
disagreeing  unreadable  required  400x2     400x2     400x2     400x2
`);

const PINS: Readonly<Record<string, Record<string, string | string[]>>> = {
  absent: {},
  equal: { "schema-rev": "12" },
  ahead: { "schema-rev": "13" },
  behind: { "schema-rev": "10" },
  malformed: { "schema-rev": "twelve" },
  agreeing: { "schema-rev": "12", "x-schema-rev": "12" },
  disagreeing: { "schema-rev": "12", schema_rev: "13" },
};

const SAID = { Revision: "r2", "Schema-Rev": "12" };
const VARY = "schema-rev, x-schema-rev, schema_rev, Revision-Pin, Cookie";
const PROBLEM = { ...SAID, "Cache-Control": "no-store" };
const AGAIN = { ...PROBLEM, "Retry-After": "2" };
const OFFER = { live: { schemaRev: 12 }, accepts: { schemaRev: [11, 12] } };

/** What a cell stands for, by the schema revision that was asked for and the kind of request. */
const WORDS: Readonly<Record<string, (asked: number, kind: Kind) => Outcome>> = {
  // What a POST answers is kept by no cache that is not told to.
  here: (_, kind) => ({ verdict: "served", headers: kind === "post" ? SAID : { ...SAID, Vary: VARY } }),
  pinned: () => ({
    verdict: "served",
    headers: {
      ...SAID,
      Vary: VARY,
      "Cache-Control": "private",
      "Revision-Pin": "<pin of r2>",
      "Set-Cookie": "__Host-revision-pin=<pin of r2>; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax",
    },
  }),
  "to-r3": () => ({ verdict: "to r3", headers: {} }),
  "400": () => ({
    verdict: 400,
    problem: { code: "pins-invalid", executed: false, detail: "Schema-Rev must be a whole number." },
    headers: PROBLEM,
  }),
  "400x2": () => ({
    verdict: 400,
    problem: {
      code: "pins-invalid",
      executed: false,
      detail: "Schema-Rev came more than once, and not with the same value.",
    },
    headers: PROBLEM,
  }),
  "428": () => ({ verdict: 428, problem: { code: "pins-missing", executed: false }, headers: PROBLEM }),
  ahead: (asked) => ({
    verdict: 412,
    problem: { code: "backend-behind", executed: false, asked: { schemaRev: asked }, ...OFFER },
    headers: AGAIN,
  }),
  old: (asked) => ({
    verdict: 412,
    problem: { code: "client-behind", executed: false, asked: { schemaRev: asked }, ...OFFER, action: "reload" },
    headers: PROBLEM,
  }),
  unknown: (asked) => ({
    verdict: 503,
    problem: { code: "revision-unknown", executed: false, asked: { schemaRev: asked }, ...OFFER },
    headers: AGAIN,
  }),
};

const R3: Neighbour = { revision: "r3", pins: { writes: { schemaRev: 13 }, accepts: { schemaRev: [10] } } };
/** Live where `r3` is not there: it has nothing that `r2` has not. */
const R9: Neighbour = { revision: "r9", pins: { writes: { schemaRev: 12 }, accepts: { schemaRev: [9] } } };
const KINDS_OF_REQUESTS: readonly Kind[] = ["document", "get", "post", "stream"];

describe("a request and the schema revision it asks for", () => {
  const cases = TABLE.flatMap((row) =>
    KINDS_OF_REQUESTS.map((kind) => ({
      pin: cell(row, "pin"),
      others: cell(row, "r3") as Others,
      required: cell(row, "pins are") === "required",
      kind,
      word: cell(row, kind),
    })),
  );

  it("are in the table in each combination there is", () => {
    expect(cases).toHaveLength(7 * 6 * 4 * 2);
    expect(new Set(cases.map((each) => JSON.stringify({ ...each, word: "" }))).size).toBe(cases.length);
  });

  it.each(cases)(
    "$pin, r3 $others, required: $required, $kind: $word",
    async ({ pin, others, required, kind, word }) => {
      const { registry, platform } = await registryWith(others, R3, R9);
      const pins = { writes: { schemaRev: 12 }, accepts: { schemaRev: [11] }, required };
      const service = pinnedService({ platform, pins, revisions: sideBySide(registry) });
      await service.once.ready();
      service.store.reset();
      const outcome = await service.ask(kind, { headers: PINS[pin] ?? {} });
      expect(outcome).toEqual(WORDS[word]?.(pin === "behind" ? 10 : 13, kind));
      // Whatever did not run here has not touched its key.
      const isRun = kind === "post" && outcome.verdict === "served";
      expect(service.store.count("acquire")).toBe(isRun ? 1 : 0);
    },
  );
});

describe("whether pins are required", () => {
  const PINS = { writes: { schemaRev: 12, indexHash: "B" } };
  const statusOf = async (required: boolean | readonly string[], mount?: MountPinOptions | false, headers = {}) => {
    const service = pinnedService({ pins: { ...PINS, required } });
    return (await service.ask("get", { headers }, mount === undefined ? {} : { pins: mount })).verdict;
  };

  it("is said by each mount before the instance", async () => {
    expect(await statusOf(true, { required: false })).toBe("served");
    expect(await statusOf(false, { required: true })).toBe(428);
    expect(await statusOf(true, {})).toBe(428);
    expect(await statusOf(true, false)).toBe("served");
  });

  it("is said of all, or of those that are named", async () => {
    expect(await statusOf(true, undefined, { "schema-rev": "12" })).toBe(428);
    expect(await statusOf(["schemaRev"], undefined, { "schema-rev": "12" })).toBe("served");
    expect(await statusOf(["indexHash"], undefined, { "schema-rev": "12" })).toBe(428);
    expect(await statusOf(true, undefined, { "schema-rev": "12", "index-hash": "B" })).toBe("served");
  });

  it("is nothing to a preflight, which carries none", async () => {
    const service = pinnedService({ pins: { ...PINS, required: true } });
    const headers = { "access-control-request-method": "POST", origin: "https://a.example" };
    expect((await service.ask("get", { method: "OPTIONS", headers })).verdict).toBe("served");
  });
});
