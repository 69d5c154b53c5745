import { describe, expect, it } from "vitest";
import { checkHistory, type History, type RuleName } from "./history.js";

/** One key of each of two callers: ann's was sent twice and answered twice, bob's is unknown. */
const GOOD: History = {
  requests: [
    { id: "q1", scope: "ann", key: "k", payload: "10" },
    { id: "q2", scope: "ann", key: "k", payload: "10" },
    { id: "q3", scope: "ann", key: "k", payload: "99" },
    { id: "q4", scope: "bob", key: "k", payload: "10" },
    { id: "q5", scope: "bob", key: "k", payload: "10", gone: true },
  ],
  answers: [
    { request: "q1", status: 201, body: "paid e1", effect: "e1" },
    { request: "q2", status: 201, body: "paid e1", effect: "e1" },
    { request: "q3", status: 422, body: "key-reused", executed: false },
    { request: "q4", status: 409, body: "outcome-unknown", executed: "unknown" },
  ],
  effects: [
    { id: "e1", scope: "ann", key: "k", payload: "10", request: "q1" },
    { id: "e2", scope: "bob", key: "k", payload: "10", request: "q5" },
  ],
  unknowns: [{ scope: "bob", key: "k" }],
};

function rulesBrokenBy(change: Partial<History>): RuleName[] {
  return checkHistory({ ...GOOD, ...change }).map(({ rule }) => rule);
}

const again = { id: "e3", scope: "ann", key: "k", payload: "10", request: "q2" };

describe("checkHistory", () => {
  it("finds nothing in a history that keeps every rule", () => {
    expect(checkHistory(GOOD)).toEqual([]);
  });

  it("finds nothing in an empty history", () => {
    expect(checkHistory({ requests: [], answers: [], effects: [], unknowns: [] })).toEqual([]);
  });

  it("finds a second effect of one key, and names the key and both effects", () => {
    const broken = checkHistory({ ...GOOD, effects: [...GOOD.effects, again] });
    expect(broken).toEqual([{ rule: "one-effect-per-key", detail: "key k of ann: effects e1, e3" }]);
  });

  it("tells the keys of two scopes apart, also where they run together", () => {
    const requests = ["a", "ab"].map((scope, index) => ({
      id: `r${index}`,
      scope,
      key: index === 0 ? "bc" : "c",
      payload: "1",
    }));
    const effects = requests.map(({ id, ...rest }) => ({ id: `x${id}`, ...rest }));
    const answers = requests.map(({ id }) => ({ request: id, status: 200, body: id, effect: `x${id}` }));
    expect(checkHistory({ requests, answers, effects, unknowns: [] })).toEqual([]);
  });

  it("finds two final answers that differ", () => {
    const answers = GOOD.answers.map((answer) => (answer.request === "q2" ? { ...answer, body: "paid e1 " } : answer));
    expect(rulesBrokenBy({ answers })).toEqual(["final-answers-equal"]);
  });

  it("finds an answer that names an effect that did not happen", () => {
    const answers = GOOD.answers.map((answer) => (answer.request === "q2" ? { ...answer, effect: "e9" } : answer));
    expect(rulesBrokenBy({ answers })).toEqual(["no-answer-without-effect"]);
  });

  it("finds a final answer of a key without any effect, also where it names none", () => {
    const requests = [{ id: "q1", scope: "eve", key: "k", payload: "10" }];
    const answers = [{ request: "q1", status: 200, body: "ok" }];
    expect(rulesBrokenBy({ requests, answers, effects: [], unknowns: [] })).toEqual(["no-answer-without-effect"]);
  });

  it("finds an answer that was made for another scope", () => {
    const answers = [...GOOD.answers.slice(0, 3), { request: "q4", status: 201, body: "paid e1", effect: "e1" }];
    expect(rulesBrokenBy({ answers })).toEqual(["answer-is-ones-own"]);
  });

  it("finds an answer that was made for another payload", () => {
    const answers = GOOD.answers.map((answer) =>
      answer.request === "q3" ? { request: "q3", status: 201, body: "paid e1", effect: "e1" } : answer,
    );
    expect(rulesBrokenBy({ answers })).toEqual(["answer-is-ones-own"]);
  });

  it("finds an answer to a request that nobody sent", () => {
    const answers = [...GOOD.answers, { request: "q9", status: 201, body: "paid e1", effect: "e1" }];
    expect(rulesBrokenBy({ answers })).toEqual(["answer-is-ones-own"]);
  });

  it("finds a key that took effect, and of which nobody was told and nothing is listed", () => {
    expect(rulesBrokenBy({ unknowns: [] })).toEqual(["key-is-settled"]);
  });

  it("takes a recorded failure for an end like any other", () => {
    const answers = [...GOOD.answers, { request: "q5", status: 500, body: "declined" }];
    expect(rulesBrokenBy({ answers, unknowns: [] })).toEqual([]);
  });

  it("finds a request that hangs, unless nobody waits for it", () => {
    expect(rulesBrokenBy({ answers: GOOD.answers.filter(({ request }) => request !== "q3") })).toEqual([
      "request-is-answered",
    ]);
  });

  it("finds a problem that says executed: false of a request whose own run took effect", () => {
    const effects = GOOD.effects.map((effect) => (effect.id === "e2" ? { ...effect, request: "q4" } : effect));
    const answers = GOOD.answers.map((answer) => (answer.request === "q4" ? { ...answer, executed: false } : answer));
    expect(rulesBrokenBy({ effects, answers })).toEqual(["not-executed-is-true"]);
  });

  it("excuses a key whose record was lost from taking effect once, but no answer from its effect", () => {
    const lost = [{ scope: "ann", key: "k" }];
    expect(rulesBrokenBy({ effects: [...GOOD.effects, again], lost })).toEqual([]);
    const answers = GOOD.answers.map((answer) => (answer.request === "q2" ? { ...answer, effect: "e9" } : answer));
    expect(rulesBrokenBy({ answers, lost })).toEqual(["no-answer-without-effect"]);
  });
});
