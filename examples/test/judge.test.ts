import type { History } from "@onceover/test/history";
import { describe, expect, test } from "vitest";
import type { Asked } from "../storm/asking.js";
import { historyAnswer } from "../storm/client.js";
import { type Judgement, judge } from "../storm/judge.js";
import { verdict as verdictOn } from "../storm/report.js";
import type { RestartJudgement } from "../storm/restart.js";

const OLDER = { revision: "r1", schemaRev: 11, accepts: [11], indexHash: "A" };
const NEWER = { revision: "r2", schemaRev: 12, accepts: [11, 12], indexHash: "B" };
const BUILDS = [OLDER, NEWER];

/** The answer of a run for the arrival of `s1`, which is named like it. */
function bodyBy({ revision, schemaRev, indexHash }: typeof OLDER): string {
  return JSON.stringify({ id: "e1", revision, schemaRev, indexHash, arrival: "s1" });
}

/** What the storm's client makes of an answer of the service. */
function answered(request: string, change: { readonly status?: number; readonly body?: string } = {}) {
  const answer = { status: 201, body: bodyBy(NEWER), head: "", replayed: false, tookMs: 1, ...change };
  return historyAnswer({ request, arrival: request }, { outcome: "answered", ...answer });
}

const KEY = { scope: "alpaca", key: "order-1" };
const requests = ["s1", "s2", "s3"].map((id) => ({ ...KEY, id, owed: "yes" as const }));
const CALM = { requests, answers: requests.map(({ id }) => answered(id)), effects: [{ ...KEY, id: "e1" }] };

/** `asks`: what the arrivals asked for, one after the other. */
function judged(change: Partial<History>, asks: readonly Asked[] = []): Judgement {
  const asked = new Map(requests.map(({ id }, at) => [id, asks[at] ?? {}]));
  return judge({ ...CALM, ...change }, { builds: BUILDS, asked });
}

function verdict(judgement: Judgement, restart?: RestartJudgement): string {
  return verdictOn({ judgement, restart });
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
      { answers: [first, second, answered("s3", { body: `${bodyBy(NEWER)} ` })].flatMap((answer) => answer ?? []) },
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

describe("judge, of revisions", () => {
  const all = (asked: Asked) => requests.map(() => asked);
  const by = (build: typeof OLDER) => ({ answers: requests.map(({ id }) => answered(id, { body: bodyBy(build) })) });
  const token = "signed";

  test.each<readonly [asked: Asked, older: number, newer: number]>([
    [{}, 0, 0],
    [{ schemaRev: 11 }, 0, 0],
    [{ schemaRev: 12 }, 3, 0],
    [{ schemaRev: 11, indexHash: "A" }, 0, 3],
    [{ schemaRev: 12, indexHash: "B" }, 3, 0],
    [{ pinned: { revision: "r1", token } }, 0, 3],
    [{ pinned: { revision: "r2", token } }, 3, 0],
    [{ schemaRev: 13 }, 3, 3],
    [{ schemaRev: 10 }, 3, 3],
  ])("counts answers to %j by each build that does not have it", (asked, older, newer) => {
    expect(judged(by(OLDER), all(asked)).wrongRevisions).toBe(older);
    expect(judged(by(NEWER), all(asked)).wrongRevisions).toBe(newer);
  });

  test("a replay is as wrong as the first answer would be, and the verdict says so", () => {
    const judgement = judged({}, [{}, { indexHash: "A" }, {}]);
    expect(judgement).toMatchObject({ wrongRevisions: 1, hits: 2, passed: false });
    expect(verdict(judgement)).toMatch(
      /it was given to {"indexHash":"A"}(?:.|\n)*FAILED: 1 answers by a wrong revision\.$/,
    );
  });

  test("who asked for what no build has is told what became of another try", () => {
    expect(judged({}, [{ schemaRev: 12 }, { schemaRev: 13 }, { schemaRev: 10 }])).toMatchObject({ passed: true });
  });

  test.each([
    ["of no build there is", bodyBy({ ...NEWER, indexHash: "A" }), /by no build/],
    ["without a word of its build", '{"id":"e1"}', /by no build/],
    ["of a run for an arrival that nobody sent", bodyBy(NEWER).replace("s1", "s9"), /nobody sent it/],
  ])("an answer %s is wrong", (_what, body, words) => {
    const judgement = judged({ answers: requests.map(({ id }) => answered(id, { body })) });
    expect(judgement).toMatchObject({ wrongRevisions: 3, passed: false });
    expect(judgement.evidence[0]).toMatch(words);
  });
});
