import type { History } from "@onceover/test/history";
import { describe, expect, test } from "vitest";
import { historyAnswer } from "../storm/client.js";
import { type Judgement, judge } from "../storm/judge.js";
import { verdict } from "../storm/report.js";

/** What the storm's client makes of an answer of the service. */
function answered(request: string, change: { readonly status?: number; readonly body?: string } = {}) {
  const answer = { status: 201, body: '{"id":"e1"}', head: "", replayed: false, tookMs: 1, ...change };
  return historyAnswer({ request }, { outcome: "answered", ...answer });
}

const KEY = { scope: "alpaca", key: "order-1" };
const requests = ["s1", "s2", "s3"].map((id) => ({ ...KEY, id, owed: "yes" as const }));
const CALM = { requests, answers: requests.map(({ id }) => answered(id)), effects: [{ ...KEY, id: "e1" }] };

function judged(change: Partial<History>): Judgement {
  return judge({ ...CALM, ...change });
}

describe("judge", () => {
  test("a key with one effect and equal answers passes, and each duplicate is a hit", () => {
    const judgement = judged({});
    expect(judgement).toMatchObject({ keys: 1, accepted: 1, duplicates: 2, hits: 2, lostKeys: 0, passed: true });
    expect(judgement.evidence).toEqual([]);
    expect(verdict(judgement)).toBe("PASSED: every key took effect once, and every duplicate got its answer.");
  });

  const [first, second] = CALM.answers;
  const planted: readonly (readonly [rule: string, change: Partial<History>, counts: object, words: RegExp])[] = [
    [
      "an effect that happened twice fails and costs a hit, though every answer is equal",
      { effects: [...CALM.effects, { ...KEY, id: "e9" }] },
      { hits: 1 },
      /1 duplicate effects, 1 duplicates that were no hit/,
    ],
    [
      "an answer that differs from the first one fails",
      { answers: [first, second, answered("s3", { body: '{"id":"e1"} ' })].flatMap((answer) => answer ?? []) },
      { hits: 1 },
      /1 divergent answers, 1 duplicates that were no hit/,
    ],
    ["an accepted key without an effect is lost", { effects: [] }, { lostKeys: 1 }, /3 answers without their effect/],
    [
      "an answer that names no effect fails, though all of them are equal",
      { answers: requests.map(({ id }) => answered(id, { body: "ok" })) },
      { accepted: 1 },
      /3 answers without their effect/,
    ],
    [
      "a send without a final answer fails",
      { answers: CALM.answers.slice(1) },
      { hits: 2 },
      /1 requests without an answer/,
    ],
    [
      "a key that was refused fails",
      { answers: requests.map(({ id }) => answered(id, { status: 400 })), effects: [] },
      { accepted: 0, hits: 0 },
      /3 requests refused for no reason/,
    ],
    [
      "an effect of a key that nobody sent fails",
      { effects: [...CALM.effects, { ...KEY, scope: "bison", id: "e2" }] },
      { keys: 1, hits: 2 },
      /1 keys that took effect and that nobody sent/,
    ],
  ];

  test.each(planted)("%s, and the verdict says so", (_rule, change, counts, words) => {
    const judgement = judged(change);
    expect(judgement).toMatchObject({ ...counts, passed: false });
    expect(verdict(judgement)).toMatch(words);
    expect(verdict(judgement)).toContain(judgement.evidence[0]);
  });
});
