import { checkHistory, type History, type HistoryKey, type Violation } from "@onceover/test/history";
import type { Effect } from "../../examples/payments-service/ledger.js";
import type { Client } from "../../examples/storm/client.js";
import type { AtRest } from "./at-rest.js";
import { MARKS } from "./deliveries.js";

/** What is known when nothing fails any more. */
export interface Standing {
  /** What clients sent and saw. */
  readonly clients: readonly Pick<Client, "requests" | "answers">[];
  /** What the ledger holds. */
  readonly effects: readonly Effect[];
  readonly store: AtRest;
}

/**
 * Judges twice: whether all that took effect, or was answered, was done or listed when the store had come to rest, and
 * whether everything holds after each key was sent once more. Pure.
 */
export function judge(atRest: Standing, sentAgain: Standing): Violation[] {
  const lost = checkHistory(historyOf(atRest)).filter(({ rule }) => rule === "key-is-settled");
  return [...lost, ...checkHistory(historyOf(sentAgain))];
}

/** Whether the record of a key is done. */
export function isSettled({ scope, key }: HistoryKey, { done }: AtRest): boolean {
  return done.some((each) => each.scope === scope && each.key === key);
}

function historyOf({ clients, effects, store: { done, listed } }: Standing): History {
  return {
    requests: clients.flatMap(({ requests }) => requests),
    answers: clients.flatMap(({ answers }) => answers),
    effects: effects.map(({ id, scope, key, details }) => ({ id, scope, key, arrival: String(details.arrival) })),
    unknowns: listed,
    done,
    marks: MARKS,
  };
}
