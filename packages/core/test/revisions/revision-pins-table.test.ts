import { describe, expect, it } from "vitest";
import { type Asked, KEYS, type Kind, type Outcome, pinnedService, sideBySide } from "../pins/service.js";
import { cell, rowsOf } from "../pins/table.js";
import { type Neighbour, type Others, registryWith } from "./neighbour.js";

/**
 * Every request to an instance of `r2` by where its revision pin leads, how it carries it, and whether `Schema-Rev`, which it does
 * not carry, is required. "unheard of": a pin of a revision that nobody has announced. "unreadable": a pin of `r1`, and a
 * registry that cannot be read. What the cells mean stands below, in `WORDS`.
 */
const TABLE = rowsOf(`
leads to    by      pins are  document  get       stream
absent      header  optional  here      here      given
absent      header  required  here      428       428
absent      query   optional  here      here      given
absent      query   required  here      428       428
absent      cookie  optional  here      here      given
absent      cookie  required  here      428       428
here        header  optional  here      here      here
here        header  required  here      here      here
here        query   optional  here      here      here
here        query   required  here      here      here
here        cookie  optional  here      here      here
here        cookie  required  here      here      here
live        header  optional  to-r1     to-r1     to-r1
live        header  required  to-r1     to-r1     to-r1
live        query   optional  to-r1     to-r1     to-r1
live        query   required  to-r1     to-r1     to-r1
live        cookie  optional  to-r1     to-r1     to-r1
live        cookie  required  to-r1     to-r1     to-r1
draining    header  optional  to-r1     to-r1     to-r1
draining    header  required  to-r1     to-r1     to-r1
draining    query   optional  to-r1     to-r1     to-r1
draining    query   required  to-r1     to-r1     to-r1
draining    cookie  optional  to-r1     to-r1     to-r1
draining    cookie  required  to-r1     to-r1     to-r1
silent      header  optional  here      unknown   unknown
silent      header  required  here      unknown   unknown
silent      query   optional  here      unknown   unknown
silent      query   required  here      unknown   unknown
silent      cookie  optional  here      unknown   unknown
silent      cookie  required  here      unknown   unknown
gone        header  optional  here      gone      gone
gone        header  required  here      gone      gone
gone        query   optional  here      gone      gone
gone        query   required  here      gone      gone
gone        cookie  optional  cleared   gone-cl   gone-cl
gone        cookie  required  cleared   gone-cl   gone-cl
unheard of  header  optional  here      unknown   unknown
unheard of  header  required  here      unknown   unknown
unheard of  query   optional  here      unknown   unknown
unheard of  query   required  here      unknown   unknown
unheard of  cookie  optional  here      unknown   unknown
unheard of  cookie  required  here      unknown   unknown
unreadable  header  optional  here      unknown   unknown
unreadable  header  required  here      unknown   unknown
unreadable  query   optional  here      unknown   unknown
unreadable  query   required  here      unknown   unknown
unreadable  cookie  optional  here      unknown   unknown
unreadable  cookie  required  here      unknown   unknown
`);

const SAID = {
  Revision: "r2",
  "Schema-Rev": "12",
  Vary: "schema-rev, x-schema-rev, schema_rev, Revision-Pin, Cookie",
};
const PROBLEM = { Revision: "r2", "Schema-Rev": "12", "Cache-Control": "no-store" };
const CLEARED = "__Host-revision-pin=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";

/** What a cell stands for. Where it says nothing of a cookie, the one the browser has is kept. */
const WORDS: Readonly<Record<string, Outcome>> = {
  here: { verdict: "served", headers: SAID },
  given: {
    verdict: "served",
    headers: {
      ...SAID,
      "Cache-Control": "private",
      "Revision-Pin": "<pin of r2>",
      "Set-Cookie": "__Host-revision-pin=<pin of r2>; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax",
    },
  },
  cleared: { verdict: "served", headers: { ...SAID, "Cache-Control": "private", "Set-Cookie": CLEARED } },
  "to-r1": { verdict: "to r1", headers: {} },
  "428": { verdict: 428, problem: { code: "pins-missing", executed: false }, headers: PROBLEM },
  gone: { verdict: 412, problem: { code: "revision-gone", executed: false }, headers: PROBLEM },
  "gone-cl": {
    verdict: 412,
    problem: { code: "revision-gone", executed: false },
    headers: { ...PROBLEM, "Set-Cookie": CLEARED },
  },
  unknown: {
    verdict: 503,
    problem: { code: "revision-unknown", executed: false },
    headers: { ...PROBLEM, "Retry-After": "2" },
  },
};

const R1: Neighbour = { revision: "r1", pins: { writes: { schemaRev: 11 } } };
const R9: Neighbour = { revision: "r9", pins: { writes: { schemaRev: 12 } } };
const REVISIONS: Readonly<Record<string, string>> = { here: "r2", "unheard of": "r7" };

async function carrying(leads: string, by: string): Promise<Asked> {
  if (leads === "absent") return {};
  const revision = REVISIONS[leads] ?? "r1";
  const expiresAtMs = 1_700_000_000_000 + 3_600_000;
  const pin = await KEYS.sign({ kind: "pin", revision, epoch: 0, expiresAtMs });
  if (by === "query") return { target: `/search?q=1&revision-pin=${pin}` };
  return { headers: by === "header" ? { "revision-pin": pin } : { cookie: `a=b; __Host-revision-pin=${pin}` } };
}

describe("a request and its revision pin", () => {
  const cases = TABLE.flatMap((row) =>
    (["document", "get", "stream"] as const).map((kind: Kind) => ({
      leads: cell(row, "leads to"),
      by: cell(row, "by"),
      required: cell(row, "pins are") === "required",
      kind,
      word: cell(row, kind),
    })),
  );

  it("are in the table in each combination there is", () => {
    expect(cases).toHaveLength(8 * 3 * 2 * 3);
    expect(new Set(cases.map((each) => JSON.stringify({ ...each, word: "" }))).size).toBe(cases.length);
  });

  it.each(cases)("leads to $leads, by $by, required: $required, $kind: $word", async (row) => {
    const { leads, by, required, kind, word } = row;
    const others = OTHERS.find((each) => each === leads) ?? "none";
    const { registry, platform } = await registryWith(others, R1, R9);
    // The clock of the pins stands still, so that what was signed before still holds as long as it is said to.
    const service = pinnedService({
      platform: { ...platform, epochMs: () => 1_700_000_000_000 },
      pins: { writes: { schemaRev: 12 }, required },
      revisions: sideBySide(registry),
    });
    expect(await service.ask(kind, await carrying(leads, by))).toEqual(WORDS[word]);
  });
});

const OTHERS: readonly Others[] = ["live", "draining", "silent", "gone", "unreadable"];
