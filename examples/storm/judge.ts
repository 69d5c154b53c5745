import { checkHistory, countBroken, type History, type RuleName } from "@onceover/test/history";
import { dedupe } from "@onceover/test/history-dedupe";
import { type Sides, wrongRevisions } from "./wrong-revision.js";

/** What came of a storm, from nothing but what clients saw and what stands in the ledger. */
export interface Judgement {
  readonly keys: number;
  /** Keys with a final answer. */
  readonly accepted: number;
  /** Sends of a key after its first one. */
  readonly duplicates: number;
  /** Duplicates that got the first final answer of their key, byte for byte, and for which no further effect stands in the ledger. */
  readonly hits: number;
  /** Accepted keys without an effect. */
  readonly lostKeys: number;
  /** Final answers by a revision that does not have what was asked for. */
  readonly wrongRevisions: number;
  /** How often each rule is broken. */
  readonly broken: Readonly<Record<RuleName, number>>;
  /** What is wrong, as far as the first few violations tell. */
  readonly evidence: readonly string[];
  /** No rule is broken, each duplicate is a hit, and no answer is by a wrong revision. */
  readonly passed: boolean;
}

const MOST_EVIDENCE = 5;

/** Judges. Pure; takes time linear in what it is given. */
export function judge(history: Pick<History, "requests" | "answers" | "effects">, sides: Sides): Judgement {
  const whole = { ...history, unknowns: [] };
  const violations = checkHistory(whole);
  const wrong = wrongRevisions(history.answers, sides);
  const { keys, accepted, withoutEffect, duplicates, hits } = dedupe(whole);
  return {
    ...{ keys, accepted, duplicates: duplicates.length, hits: hits.size, lostKeys: withoutEffect },
    wrongRevisions: wrong.length,
    broken: countBroken(violations),
    evidence: [...violations.map(({ rule, detail }) => `${rule}: ${detail}`), ...wrong].slice(0, MOST_EVIDENCE),
    passed: violations.length + wrong.length === 0 && hits.size === duplicates.length,
  };
}
