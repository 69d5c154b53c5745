import { checkHistory, countBroken, type History, RULES, type RuleName } from "@onceover/test/history";
import { dedupe } from "@onceover/test/history-dedupe";
import { describe, expect, it } from "vitest";

/** One key of each of two callers: ann's was sent twice and refused once with another payload, bob's is unknown. */
const SEEN = {
  requests: [
    { id: "q1", scope: "ann", key: "k", payload: "10" },
    { id: "q2", scope: "ann", key: "k", payload: "10" },
    { id: "q3", scope: "ann", key: "k", payload: "99" },
    { id: "q4", scope: "bob", key: "k", payload: "10" },
    { id: "q5", scope: "bob", key: "k", payload: "10", owed: "nothing" },
  ],
  answers: [
    { request: "q1", status: 201, body: "paid e1", effect: "e1" },
    { request: "q2", status: 201, body: "paid e1", effect: "e1" },
    { request: "q3", status: 422, body: "key-reused", executed: false },
    { request: "q4", status: 409, body: "outcome-unknown", executed: "unknown" },
  ],
  effects: [
    { id: "e1", scope: "ann", key: "k", payload: "10", arrival: "q1" },
    { id: "e2", scope: "bob", key: "k", payload: "10", arrival: "q5" },
  ],
  unknowns: [{ scope: "bob", key: "k" }],
} as const satisfies History;

/** Requests that are tried again until they are answered, after healing: marked, and looked up in the store. */
const PURSUED = {
  requests: [
    { id: "p1", scope: "ann", key: "k", owed: "yes" },
    { id: "p2", scope: "ann", key: "k", owed: "yes" },
    { id: "p3", scope: "bob", key: "k", owed: "yes" },
  ],
  answers: [
    { request: "p1", arrival: "p1.1", status: 503, body: "store-unavailable", executed: false },
    { request: "p1", arrival: "p1.2", status: 201, body: "ANN paid e1", head: "X-Of: ANN", effect: "e1" },
    { request: "p2", arrival: "p2.1", status: 201, body: "ANN paid e1", head: "X-Of: ANN", effect: "e1" },
    { request: "p3", arrival: "p3.1", status: 502, body: "no worker answered" },
    { request: "p3", arrival: "p3.2", status: 200, body: "BOB paid e2", head: "X-Of: BOB", effect: "e2" },
  ],
  effects: [
    { id: "e1", scope: "ann", key: "k", arrival: "p1.2" },
    { id: "e2", scope: "bob", key: "k", arrival: "p3.1" },
  ],
  unknowns: [],
  done: [
    { scope: "ann", key: "k" },
    { scope: "bob", key: "k" },
  ],
  marks: new Map([
    ["ann", "ANN"],
    ["bob", "BOB"],
  ]),
} as const satisfies History;

/** The history with this change to one answer. */
function answering(history: History, at: number, change: Partial<History["answers"][number]>): History {
  return {
    ...history,
    answers: history.answers.map((answer, index) => (index === at ? { ...answer, ...change } : answer)),
  };
}

function without<Item>(items: readonly Item[], at: number): Item[] {
  return items.filter((_, index) => index !== at);
}

const AGAIN = { id: "e3", scope: "ann", key: "k", payload: "10" };
const EVE: History = {
  ...SEEN,
  requests: [{ id: "q1", scope: "eve", key: "k" }],
  answers: [],
  effects: [],
  unknowns: [],
};

const PLANTED: readonly (readonly [what: string, rule: RuleName, history: History])[] = [
  ["a second effect of a key", "one-effect-per-key", { ...SEEN, effects: [...SEEN.effects, AGAIN] }],
  [
    "an effect of a key that nobody sent",
    "effect-was-asked-for",
    {
      ...SEEN,
      effects: [...SEEN.effects, { ...AGAIN, key: "l" }],
      unknowns: [...SEEN.unknowns, { scope: "ann", key: "l" }],
    },
  ],
  ["a final answer with one byte more", "final-answers-equal", answering(SEEN, 1, { body: "paid e1 " })],
  ["a final answer with another status", "final-answers-equal", answering(SEEN, 1, { status: 200 })],
  [
    "an answer that names an effect that did not happen",
    "no-answer-without-effect",
    answering(SEEN, 1, { effect: "e9" }),
  ],
  [
    "a final answer of a key without any effect, which names none",
    "no-answer-without-effect",
    { ...EVE, answers: [{ request: "q1", status: 200, body: "ok" }] },
  ],
  [
    "an answer made for another scope",
    "answer-is-ones-own",
    answering(SEEN, 3, { status: 201, effect: "e1", executed: true }),
  ],
  [
    "an answer made for another key",
    "answer-is-ones-own",
    {
      ...SEEN,
      requests: [...SEEN.requests, { id: "q6", scope: "ann", key: "l", payload: "10" }],
      answers: [...SEEN.answers, { request: "q6", status: 201, body: "paid e1", effect: "e1" }],
    },
  ],
  [
    "an answer made for another payload",
    "answer-is-ones-own",
    answering(SEEN, 2, { status: 201, body: "paid e1", effect: "e1" }),
  ],
  [
    "an answer to a request that nobody sent",
    "answer-is-ones-own",
    { ...SEEN, answers: [...SEEN.answers, { request: "q9", status: 201, body: "paid e1", effect: "e1" }] },
  ],
  [
    "another scope's mark in the body of a refusal",
    "no-foreign-byte",
    answering(PURSUED, 0, { body: "in flight for BOB" }),
  ],
  [
    "another scope's mark in a header of a final answer",
    "no-foreign-byte",
    answering(PURSUED, 2, { head: "X-Of: ANN, BOB" }),
  ],
  [
    "a key that took effect, of which nobody was told and nothing is listed",
    "key-is-settled",
    { ...SEEN, unknowns: [] },
  ],
  [
    "a key that took effect and is told of by nobody but a proxy",
    "key-is-settled",
    answering({ ...SEEN, unknowns: [] }, 3, { status: 502, body: "bad gateway" }),
  ],
  [
    "a key that took effect and was answered, and is free",
    "key-is-settled",
    { ...PURSUED, done: without(PURSUED.done, 0) },
  ],
  ["a request that hangs", "request-is-answered", { ...SEEN, answers: without(SEEN.answers, 2) }],
  [
    "a pursued request that is only ever told to come later",
    "request-is-answered",
    { ...PURSUED, answers: without(PURSUED.answers, 4) },
  ],
  [
    "a pursued request in order that is told no",
    "request-is-accepted",
    answering(PURSUED, 4, { status: 422, body: "key-reused" }),
  ],
  [
    "executed: false of an arrival whose own run took effect",
    "not-executed-is-true",
    { ...PURSUED, effects: [{ ...AGAIN, id: "e1", arrival: "p1.1" }, ...PURSUED.effects.slice(1)] },
  ],
  [
    "executed: false of a request that was sent once, whose own run took effect",
    "not-executed-is-true",
    answering({ ...SEEN, effects: [SEEN.effects[0], { ...SEEN.effects[1], arrival: "q4" }] }, 3, { executed: false }),
  ],
];

describe("checkHistory", () => {
  it.each<readonly [string, History]>([
    ["of requests that were sent once each", SEEN],
    ["of requests that were tried until they were answered", PURSUED],
    ["in which nothing happened", { requests: [], answers: [], effects: [], unknowns: [] }],
  ])("finds nothing in a history %s", (_, history) => {
    expect(checkHistory(history)).toEqual([]);
  });

  it.each(PLANTED)("finds %s, and nothing else: %s", (_, rule, history) => {
    expect(checkHistory(history).map((violation) => violation.rule)).toEqual([rule]);
  });

  it("has a planted violation of each rule", () => {
    expect(new Set(PLANTED.map(([, rule]) => rule))).toEqual(new Set(Object.keys(RULES)));
  });

  it("names the key and both effects of a second one", () => {
    const broken = checkHistory({ ...SEEN, effects: [...SEEN.effects, AGAIN] });
    expect(broken).toEqual([{ rule: "one-effect-per-key", detail: "key k of ann: effects e1, e3" }]);
  });

  it("shows no more than the beginning of an answer", () => {
    const [broken] = checkHistory(answering(SEEN, 1, { body: "x".repeat(1_000_000) }));
    expect(broken?.detail.length).toBeLessThan(1000);
  });

  it("tells the keys of two scopes apart, also where they run together", () => {
    const keys = [
      { scope: "a", key: "bc" },
      { scope: "ab", key: "c" },
    ];
    const requests = keys.map((key, index) => ({ ...key, id: `r${index}` }));
    const effects = keys.map((key, index) => ({ ...key, id: `x${index}` }));
    const answers = keys.map((_, index) => ({
      request: `r${index}`,
      status: 200,
      body: `${index}`,
      effect: `x${index}`,
    }));
    expect(checkHistory({ requests, answers, effects, unknowns: [] })).toEqual([]);
  });

  it("takes a recorded failure for an end like any other", () => {
    const answers = [...SEEN.answers, { request: "q5", status: 500, body: "declined" }];
    expect(checkHistory({ ...SEEN, answers, unknowns: [] })).toEqual([]);
  });

  it("takes a key that is listed as unknown for settled, whoever looked which are done", () => {
    expect(
      checkHistory({ ...PURSUED, done: without(PURSUED.done, 1), unknowns: [{ scope: "bob", key: "k" }] }),
    ).toEqual([]);
  });

  it("excuses a key whose record was lost from taking effect once and being settled, but no answer from its effect", () => {
    const excused = [{ scope: "ann", key: "k" }];
    expect(checkHistory({ ...SEEN, effects: [...SEEN.effects, AGAIN], excused })).toEqual([]);
    expect(checkHistory({ ...answering(PURSUED, 2, { body: "" }), done: without(PURSUED.done, 0), excused })).toEqual(
      [],
    );
    const phantom = answering({ ...SEEN, excused }, 1, { effect: "e9" });
    expect(checkHistory(phantom).map(({ rule }) => rule)).toEqual(["no-answer-without-effect"]);
  });
});

describe("countBroken", () => {
  it("counts each effect beyond the first, and 0 for a rule that holds", () => {
    const effects = [...SEEN.effects, AGAIN, { ...AGAIN, id: "e4" }];
    const counts = countBroken(checkHistory({ ...SEEN, effects }));
    expect(counts["one-effect-per-key"]).toBe(2);
    expect(Object.keys(counts)).toEqual(Object.keys(RULES));
    expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(2);
  });
});

describe("dedupe", () => {
  const requests = ["p1", "p2", "p3"].map((id) => ({ id, scope: "ann", key: "k" }));
  const answers = requests.map(({ id }) => ({ request: id, status: 201, body: "paid e1", effect: "e1" }));
  const history: History = { requests, answers, effects: SEEN.effects.slice(0, 1), unknowns: [] };

  it("finds every request of a key but its first one to be a duplicate, and a hit where the answers are equal", () => {
    expect(dedupe(history)).toEqual({
      keys: 1,
      accepted: 1,
      withoutEffect: 0,
      duplicates: ["p2", "p3"],
      hits: new Set(["p2", "p3"]),
    });
  });

  it("counts a key of two scopes as two, and tells those that nobody answered or that took no effect", () => {
    expect(dedupe(PURSUED)).toMatchObject({ keys: 2, accepted: 2, duplicates: ["p2"], hits: new Set(["p2"]) });
    expect(dedupe({ ...history, answers: [] })).toMatchObject({ keys: 1, accepted: 0, hits: new Set() });
    expect(dedupe({ ...history, effects: [] })).toMatchObject({ accepted: 1, withoutEffect: 1 });
  });

  it("takes a request with another payload for no duplicate", () => {
    expect(dedupe(SEEN)).toMatchObject({ duplicates: ["q2", "q5"], hits: new Set(["q2"]) });
  });

  it("takes a duplicate for a miss that differs from the first final answer, or has none", () => {
    expect(dedupe(answering(history, 1, { body: "paid e2" })).hits).toEqual(new Set(["p3"]));
    expect(dedupe({ ...history, answers: without(answers, 2) }).hits).toEqual(new Set(["p2"]));
  });

  it("takes one hit away for each further effect, though every answer is equal", () => {
    expect(dedupe({ ...history, effects: [...history.effects, AGAIN] }).hits).toEqual(new Set(["p2"]));
  });

  it("finds a hit where the answer came to a duplicate first", () => {
    expect(dedupe({ ...history, answers: answers.toReversed() }).hits).toEqual(new Set(["p2", "p3"]));
  });
});
