import { describe, expect, it } from "vitest";
import { type Neighbour, type Others, registryWith } from "../revisions/neighbour.js";
import { type Kind, type Outcome, pinnedService, sideBySide } from "./service.js";
import { cell, rowsOf } from "./table.js";

/**
 * Every request to an instance of `r2`, which was built for the index B, accepts A, and whose backend has B; beside `r1`, whose
 * backend has A. "left here" asks for A: accepted, but not what the backend has any more; "built there" asks for what
 * `r1` alone knows.
 */
const TABLE = rowsOf(`
pin          r1          pins are  document  get       post      stream
built here   live        optional  here      here      here      here
built here   draining    optional  here      here      here      here
built here   silent      optional  here      here      here      here
built here   gone        optional  here      here      here      here
built here   none        optional  here      here      here      here
built here   unreadable  optional  here      here      here      here
left here    live        optional  to-r1     to-r1     to-r1     to-r1
left here    draining    optional  to-r1     to-r1     to-r1     to-r1
left here    silent      optional  unknown   unknown   unknown   unknown
left here    gone        optional  old       old       old       old
left here    none        optional  absent    absent    absent    absent
left here    unreadable  optional  unknown   unknown   unknown   unknown
built there  live        optional  to-r1     to-r1     to-r1     to-r1
built there  live        required  to-r1     to-r1     to-r1     to-r1
built there  draining    optional  to-r1     to-r1     to-r1     to-r1
built there  draining    required  to-r1     to-r1     to-r1     to-r1
built there  silent      optional  unknown   unknown   unknown   unknown
built there  silent      required  unknown   unknown   unknown   unknown
built there  gone        optional  old       old       old       old
built there  gone        required  old       old       old       old
built there  none        optional  absent    absent    absent    absent
built there  none        required  absent    absent    absent    absent
built there  unreadable  optional  unknown   unknown   unknown   unknown
built there  unreadable  required  unknown   unknown   unknown   unknown
malformed    live        optional  400       400       400       400
malformed    draining    optional  400       400       400       400
malformed    silent      optional  400       400       400       400
malformed    gone        optional  400       400       400       400
malformed    none        optional  400       400       400       400
malformed    unreadable  optional  400       400       400       400
agreeing     live        optional  here      here      here      here
agreeing     draining    optional  here      here      here      here
agreeing     silent      optional  here      here      here      here
agreeing     gone        optional  here      here      here      here
agreeing     none        optional  here      here      here      here
agreeing     unreadable  optional  here      here      here      here
disagreeing  live        optional  400x2     400x2     400x2     400x2
disagreeing  draining    optional  400x2     400x2     400x2     400x2
disagreeing  silent      optional  400x2     400x2     400x2     400x2
disagreeing  gone        optional  400x2     400x2     400x2     400x2
disagreeing  none        optional  400x2     400x2     400x2     400x2
disagreeing  unreadable  optional  400x2     400x2     400x2     400x2
absent       live        optional  here      here      here      here
absent       live        required  here      428       428       428
absent       draining    optional  here      here      here      here
absent       draining    required  here      428       428       428
absent       silent      optional  here      here      here      here
absent       silent      required  here      428       428       428
absent       gone        optional  here      here      here      here
absent       gone        required  here      428       428       428
absent       none        optional  here      here      here      here
absent       none        required  here      428       428       428
absent       unreadable  optional  here      here      here      here
absent       unreadable  required  here      428       428       428
`);

const PINS: Readonly<Record<string, Record<string, string | string[]>>> = {
  absent: {},
  "built here": { "index-hash": "B" },
  "left here": { "index-hash": "A" },
  "built there": { "index-hash": "A2" },
  malformed: { "index-hash": "B C" },
  agreeing: { "index-hash": ["B", "B"], index_hash: "B" },
  disagreeing: { "index-hash": ["B", "A"] },
};

const SAID = { Revision: "r2", "Index-Hash": "B" };
const PROBLEM = { ...SAID, "Cache-Control": "no-store" };
const AGAIN = { ...PROBLEM, "Retry-After": "2" };
const OFFER = { live: { indexHash: "B" }, accepts: { indexHash: ["A", "B"] } };
const WORDS_OF_TAGS = "1 to 255 visible characters of ASCII, without quotes, commas and spaces";

/** What a cell stands for, by the index that was asked for and the kind of request. */
const WORDS: Readonly<Record<string, (asked: string, kind: Kind) => Outcome>> = {
  here: (_, kind) => ({
    verdict: "served",
    headers: kind === "post" ? SAID : { ...SAID, Vary: "index-hash, x-index-hash, index_hash" },
  }),
  "to-r1": () => ({ verdict: "to r1", headers: {} }),
  "400": () => ({
    verdict: 400,
    problem: { code: "pins-invalid", executed: false, detail: `Index-Hash must be ${WORDS_OF_TAGS}.` },
    headers: PROBLEM,
  }),
  "400x2": () => ({
    verdict: 400,
    problem: {
      code: "pins-invalid",
      executed: false,
      detail: "Index-Hash came more than once, and not with the same value.",
    },
    headers: PROBLEM,
  }),
  "428": () => ({ verdict: 428, problem: { code: "pins-missing", executed: false }, headers: PROBLEM }),
  // Nobody has it, and nobody had it: it may come yet.
  absent: (asked) => ({
    verdict: 412,
    problem: { code: "backend-behind", executed: false, asked: { indexHash: asked }, ...OFFER },
    headers: AGAIN,
  }),
  old: (asked) => ({
    verdict: 412,
    problem: { code: "client-behind", executed: false, asked: { indexHash: asked }, ...OFFER, action: "reload" },
    headers: PROBLEM,
  }),
  unknown: (asked) => ({
    verdict: 503,
    problem: { code: "revision-unknown", executed: false, asked: { indexHash: asked }, ...OFFER },
    headers: AGAIN,
  }),
};

const NEIGHBOURS: Readonly<Record<string, Neighbour>> = {
  "left here": { revision: "r1", pins: { writes: { indexHash: "A" } } },
  "built there": { revision: "r1", pins: { writes: { indexHash: "A2" } } },
};
const R1: Neighbour = { revision: "r1", pins: { writes: { indexHash: "A" } } };
/** It accepts what is asked for, and its backend has something else: so it has it not. */
const R9: Neighbour = {
  revision: "r9",
  pins: { writes: { indexHash: "C" }, accepts: { indexHash: ["A", "A2"] } },
};
const KINDS: readonly Kind[] = ["document", "get", "post", "stream"];

describe("a request and the index it asks for", () => {
  const cases = TABLE.flatMap((row) =>
    KINDS.map((kind) => ({
      pin: cell(row, "pin"),
      others: cell(row, "r1") as Others,
      required: cell(row, "pins are") === "required",
      kind,
      word: cell(row, kind),
    })),
  );

  it.each(cases)(
    "$pin, r1 $others, required: $required, $kind: $word",
    async ({ pin, others, required, kind, word }) => {
      const { registry, platform } = await registryWith(others, NEIGHBOURS[pin] ?? R1, R9);
      const pins = { writes: { indexHash: "B" }, accepts: { indexHash: ["A"] }, required };
      const revisions = sideBySide(registry, { keys: undefined });
      const outcome = await pinnedService({ platform, pins, revisions }).ask(kind, { headers: PINS[pin] ?? {} });
      expect(outcome).toEqual(WORDS[word]?.(pin === "built there" ? "A2" : "A", kind));
    },
  );
});

/** The same of `r2` while it cannot be read what its backend has; `r1` has the index A. */
const UNREADABLE = rowsOf(`
asked for  r1          refuse        trust-writes
nothing    live        here          here-as-B
A          live        to-r1         to-r1
A          draining    to-r1         to-r1
A          silent      503 unknown   503 unknown
A          gone        503 pins      412 old
A          none        503 pins      412 absent
A          unreadable  503 unknown   503 unknown
B          live        503 pins      here-as-B
B          none        503 pins      here-as-B
B          unreadable  503 unknown   here-as-B
`);

const NOTHING_SAID = { Revision: "r2", "Cache-Control": "no-store", "Retry-After": "2" };
const VARY = "index-hash, x-index-hash, index_hash";
const JUDGED: Readonly<Record<string, (asked: string) => Outcome>> = {
  here: () => ({ verdict: "served", headers: { Revision: "r2", Vary: VARY } }),
  "here-as-B": () => ({ verdict: "served", headers: { ...SAID, Vary: VARY } }),
  "to-r1": () => ({ verdict: "to r1", headers: {} }),
  "503 pins refuse": (asked) => ({
    verdict: 503,
    problem: { code: "pins-unreadable", executed: false, asked: { indexHash: asked } },
    headers: NOTHING_SAID,
  }),
  "503 unknown refuse": (asked) => ({
    verdict: 503,
    problem: { code: "revision-unknown", executed: false, asked: { indexHash: asked } },
    headers: NOTHING_SAID,
  }),
  "503 unknown trust-writes": (asked) => WORDS.unknown?.(asked, "get") ?? missing(),
  "412 old trust-writes": (asked) => WORDS.old?.(asked, "get") ?? missing(),
  "412 absent trust-writes": (asked) => WORDS.absent?.(asked, "get") ?? missing(),
};

function missing(): never {
  throw new Error("the table has a word that means nothing");
}

describe("a request while it cannot be read what the backend has", () => {
  const cases = UNREADABLE.flatMap((row) =>
    (["refuse", "trust-writes"] as const).map((onUnreadable) => ({
      asked: cell(row, "asked for"),
      others: cell(row, "r1") as Others,
      onUnreadable,
      word: cell(row, onUnreadable),
    })),
  );

  it.each(cases)("asks for $asked, r1 $others, $onUnreadable: $word", async ({ asked, others, onUnreadable, word }) => {
    const { registry, platform } = await registryWith(others, R1, R9);
    const read = () => Promise.reject(new Error("the index is away"));
    const pins = { writes: { indexHash: "B" }, accepts: { indexHash: ["A"] }, read, onUnreadable };
    const service = pinnedService({ platform, pins, revisions: sideBySide(registry, { keys: undefined }) });
    const outcome = await service.ask("get", { headers: asked === "nothing" ? {} : { "index-hash": asked } });
    expect(outcome).toEqual((JUDGED[word] ?? JUDGED[`${word} ${onUnreadable}`] ?? missing)(asked));
    expect(service.events.filter(({ type }) => type === "read-failed").length).toBeGreaterThan(0);
  });
});
