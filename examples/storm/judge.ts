import { checkHistory, countBroken, type History, type RuleName } from "@onceover/test/history";
import { dedupe } from "@onceover/test/history-dedupe";

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
  /** How often each rule is broken. */
  readonly broken: Readonly<Record<RuleName, number>>;
  /** What is wrong, as far as the first few violations tell. */
  readonly evidence: readonly string[];
  /** No rule is broken, and each duplicate is a hit. */
  readonly passed: boolean;
}

const MOST_EVIDENCE = 5;

/** Judges. Pure; takes time linear in what it is given. */
export function judge(history: Pick<History, "requests" | "answers" | "effects">): Judgement {
  const whole = { ...history, unknowns: [] };
  const violations = checkHistory(whole);
  const { keys, accepted, withoutEffect, duplicates, hits } = dedupe(whole);
  return {
    ...{ keys, accepted, duplicates: duplicates.length, hits: hits.size, lostKeys: withoutEffect },
    broken: countBroken(violations),
    evidence: violations.slice(0, MOST_EVIDENCE).map(({ rule, detail }) => `${rule}: ${detail}`),
    passed: violations.length === 0 && hits.size === duplicates.length,
  };
}
