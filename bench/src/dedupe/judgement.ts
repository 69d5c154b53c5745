import { checkHistory, type History, type Violation } from "@onceover/test/history";
import { dedupe } from "@onceover/test/history-dedupe";
import { isFinal, nameOf } from "@onceover/test/history-index";
import { lowerBound } from "../statistics.js";
import { byKey } from "./by-key.js";
import { CLASSES, type Classified, type ClassName, classify, effectsOf, type Seen } from "./classes.js";
import type { Traffic } from "./traffic.js";

/** What came of the duplicates of one class. */
export interface Row {
  readonly className: ClassName;
  readonly duplicates: number;
  /** Duplicates that got the first final answer of their key, byte for byte, at the cost of no further effect. */
  readonly hits: number;
  /** With 95 % confidence the share of hits is not below it. */
  readonly lowerBound: number;
  /** Effects beyond the first one, of the keys that have duplicates in this class. */
  readonly duplicateEffects: number;
  /** Keys whose outcome was unknown when a duplicate of this class asked. */
  readonly unknown: number;
  /** Keys that were told of an effect that is not in the ledger, of those that have duplicates in this class. */
  readonly lost: number;
}

/** How it ended. */
export interface Judgement {
  /** How many duplicates each class was to have, at least. */
  readonly wanted: number;
  readonly keys: number;
  readonly rows: readonly Row[];
  /** Whatever breaks a rule of histories, in whichever class. */
  readonly violations: readonly Violation[];
  /** Records that the store lists as unknown when all is over. */
  readonly leftUnknown: number;
  readonly passed: boolean;
}

const LEAST_RATE = 0.999;

/** Judges. Pure. A key with duplicates in several classes brings what is wrong with it to each of them. */
export function judge(
  seen: Seen & { readonly traffic: Traffic },
  { wanted, leftUnknown }: { readonly wanted: number; readonly leftUnknown: number },
): Judgement {
  const history = historyOf(seen);
  const violations = checkHistory(history);
  const { hits } = dedupe(history);
  const faults = faultsByKey(history);
  const classified = classify(seen);
  const rows = CLASSES.map((className) => {
    const own = classified.filter((each) => each.className === className);
    return rowOf(className, own, hits, faults);
  });
  // A duplicate without an answer is a miss, and the rate says how many there may be.
  const isClean = violations.every(({ rule }) => rule === "request-is-answered") && leftUnknown === 0;
  const areGood = rows.every(
    (row) =>
      row.duplicates >= wanted && row.hits >= LEAST_RATE * row.duplicates && row.duplicateEffects + row.lost === 0,
  );
  return { wanted, keys: faults.size, rows, violations, leftUnknown, passed: isClean && areGood };
}

function historyOf({ traffic, ledger }: Seen & { readonly traffic: Traffic }): History {
  const requests = traffic.sendings.map(({ id, scope, key }) => ({ id, scope, key, owed: "yes" as const }));
  return { requests, answers: traffic.answers, effects: effectsOf(ledger), unknowns: [] };
}

interface KeyFaults {
  readonly duplicateEffects: number;
  readonly isLost: boolean;
}

function faultsByKey({ requests, answers, effects }: History): Map<string, KeyFaults> {
  const effectsByKey = byKey(effects);
  const accepted = new Set(answers.filter(isFinal).map(({ request }) => request));
  const faults = new Map<string, KeyFaults>();
  for (const { id, scope, key } of requests) {
    const name = nameOf(scope, key);
    const count = effectsByKey.get(name)?.length ?? 0;
    const isLost = faults.get(name)?.isLost === true || (count === 0 && accepted.has(id));
    faults.set(name, { duplicateEffects: Math.max(0, count - 1), isLost });
  }
  return faults;
}

function rowOf(
  className: ClassName,
  own: readonly Classified[],
  hits: ReadonlySet<string>,
  faults: ReadonlyMap<string, KeyFaults>,
): Row {
  const names = new Set(own.map(({ sending }) => nameOf(sending.scope, sending.key)));
  const unknown = own.filter(({ metUnknown }) => metUnknown).map(({ sending }) => nameOf(sending.scope, sending.key));
  const keys = [...names].flatMap((name) => faults.get(name) ?? []);
  const hitCount = own.filter(({ sending }) => hits.has(sending.id)).length;
  return {
    className,
    duplicates: own.length,
    hits: hitCount,
    lowerBound: lowerBound(hitCount, own.length),
    duplicateEffects: keys.reduce((sum, { duplicateEffects }) => sum + duplicateEffects, 0),
    unknown: new Set(unknown).size,
    lost: keys.filter(({ isLost }) => isLost).length,
  };
}
