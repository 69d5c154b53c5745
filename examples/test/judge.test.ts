import { describe, expect, test } from "vitest";
import { type FinalAnswer, judge, type KeyHistory, type LedgerEffect } from "../storm/judge.js";
import { verdict } from "../storm/report.js";

const YES: FinalAnswer = { status: 201, body: '{"id":"e1"}' };
const EFFECT: LedgerEffect = { id: "e1", scope: "alpaca", key: "order-1" };

function history(change: Partial<KeyHistory> = {}): KeyHistory {
  return { scope: "alpaca", key: "order-1", sends: 3, answers: [YES, YES, YES], ...change };
}

describe("judge", () => {
  test("a key with one effect and equal answers passes, and each duplicate is a hit", () => {
    const judgement = judge([history()], [EFFECT]);
    expect(judgement).toEqual({
      keys: 1,
      accepted: 1,
      duplicates: 2,
      hits: 2,
      duplicateEffects: 0,
      divergentAnswers: 0,
      foreignAnswers: 0,
      lostKeys: 0,
      refusedKeys: 0,
      unanswered: 0,
      strayEffects: 0,
      evidence: [],
      passed: true,
    });
    expect(verdict(judgement)).toMatch(/^PASSED/);
  });

  test("one key of two scopes is two keys with an effect each", () => {
    const other = { scope: "bison", answers: [{ status: 201, body: '{"id":"e2"}' }], sends: 1 };
    const judgement = judge([history(), history(other)], [EFFECT, { ...EFFECT, scope: "bison", id: "e2" }]);
    expect(judgement).toMatchObject({ keys: 2, accepted: 2, passed: true });
  });

  const planted: readonly [
    rule: string,
    histories: KeyHistory[],
    effects: LedgerEffect[],
    fault: object,
    words: RegExp,
  ][] = [
    [
      "an effect that happened twice fails and costs a hit, though every answer is equal",
      [history()],
      [EFFECT, { ...EFFECT, id: "e9" }],
      { duplicateEffects: 1, hits: 1, divergentAnswers: 0 },
      /1 duplicate effects, 1 duplicates that were no hit/,
    ],
    [
      "an answer that differs from the first one fails",
      [history({ answers: [YES, YES, { ...YES, body: '{"id":"e1"} ' }] })],
      [EFFECT],
      { divergentAnswers: 1, hits: 1 },
      /1 divergent answers/,
    ],
    [
      "an answer with another status fails",
      [history({ answers: [YES, YES, { ...YES, status: 200 }] })],
      [EFFECT],
      { divergentAnswers: 1, hits: 1 },
      /1 divergent answers/,
    ],
    ["an accepted key without an effect is lost", [history()], [], { lostKeys: 1, foreignAnswers: 0 }, /1 lost keys/],
    [
      "an answer about the effect of another key fails",
      [history(), history({ key: "order-2", sends: 1, answers: [YES] })],
      [EFFECT, { ...EFFECT, key: "order-2", id: "e2" }],
      { foreignAnswers: 1 },
      /1 answers about no effect of their key/,
    ],
    [
      "a send without a final answer fails",
      [history({ answers: [YES, YES] })],
      [EFFECT],
      { unanswered: 1, hits: 1 },
      /1 sends without a final answer/,
    ],
    [
      "a key that was refused fails, though its answers are equal",
      [history({ answers: Array.from({ length: 3 }, () => ({ status: 400, body: "" })) })],
      [],
      { refusedKeys: 1, accepted: 0, lostKeys: 0 },
      /1 keys refused/,
    ],
    [
      "an effect of a key that nobody sent fails",
      [history()],
      [EFFECT, { ...EFFECT, scope: "bison" }],
      { strayEffects: 1 },
      /1 effects of keys that nobody sent/,
    ],
  ];

  test.each(planted)("%s", (_rule, histories, effects, fault, words) => {
    const judgement = judge(histories, effects);
    expect(judgement).toMatchObject({ ...fault, passed: false });
    expect(verdict(judgement)).toMatch(words);
  });
});
