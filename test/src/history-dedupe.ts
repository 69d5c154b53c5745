import type { History, HistoryRequest } from "./history.js";
import { indexHistory, isEqual, type KeyHistory } from "./history-index.js";

/** What deduplication came to. It says nothing unless it stands beside the count of duplicate effects. */
export interface Dedupe {
  /** Keys that somebody sent. */
  readonly keys: number;
  /** Keys with a final answer. */
  readonly accepted: number;
  /** Keys with a final answer and no effect. */
  readonly withoutEffect: number;
  /** Ids of all requests that repeat the first one of their key. */
  readonly duplicates: readonly string[];
  /**
   * Ids of those duplicates that got the first final answer of their key, byte for byte; of a key with further effects
   * one fewer for each.
   */
  readonly hits: ReadonlySet<string>;
}

/** Finds the duplicates, and the hits among them. Pure; takes time linear in the history. */
export function dedupe(history: History): Dedupe {
  const keys = [...indexHistory(history).keys.values()].filter(({ requests }) => requests.length > 0);
  const accepted = keys.filter(({ finals }) => finals.length > 0);
  return {
    keys: keys.length,
    accepted: accepted.length,
    withoutEffect: accepted.filter(({ effects }) => effects.length === 0).length,
    duplicates: keys.flatMap((key) => duplicatesOf(key).map(({ id }) => id)),
    hits: new Set(keys.flatMap(hitsOf)),
  };
}

/** A request with another payload repeats nothing. */
function duplicatesOf({ requests: [first, ...others] }: KeyHistory): HistoryRequest[] {
  return others.filter(({ payload }) => payload === first?.payload);
}

/** Nobody can say which of them a further effect belongs to: the last ones pay for it. */
function hitsOf(key: KeyHistory): string[] {
  const { finals, effects } = key;
  const [first] = finals;
  if (first === undefined) return [];
  const equal = new Set(finals.filter((answer) => isEqual(answer, first)).map(({ request }) => request));
  const answered = duplicatesOf(key).flatMap(({ id }) => (equal.has(id) ? [id] : []));
  return answered.slice(0, Math.max(0, answered.length - Math.max(0, effects.length - 1)));
}
