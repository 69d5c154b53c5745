import { runtime } from "../../packages/core/src/platform.js";
import { storeKey } from "../../packages/core/src/scope.js";
import type { History, HistoryAnswer, HistoryEffect, HistoryRequest } from "./history.js";

/** What is seen from outside: requests, answers, and the ledger of the effects. */
export interface PartitionLog {
  /** A client begins to ask one side about a key; answers the id of that request. */
  request(side: string, key: string): string;
  answer(answer: HistoryAnswer): void;
  /** An effect happens; answers its id. */
  effect(key: string): string;
  /** The keys that were sent, in order. */
  keys(): string[];
  /** The keys that one side has answered for good. */
  accepted(side: string): ReadonlySet<string>;
  /** All of it, and what the store lists as unknown in the end. */
  history(unknowns: readonly { readonly key: string }[]): Promise<History>;
}

/** Whom all keys belong to. */
export const SCOPE = "alice";
const SERVICE = "payments";

/** An empty log. */
export function createLog(): PartitionLog {
  const requests: (HistoryRequest & { readonly side: string })[] = [];
  const answers: HistoryAnswer[] = [];
  const effects: HistoryEffect[] = [];
  const keys = () => [...new Set(requests.map(({ key }) => key))];
  return {
    request(side, key) {
      const id = `request-${requests.length}`;
      requests.push({ id, side, scope: SCOPE, key });
      return id;
    },
    answer: (answer) => void answers.push(answer),
    effect(key) {
      const id = `effect-${effects.length}`;
      effects.push({ id, scope: SCOPE, key });
      return id;
    },
    keys,
    accepted(side) {
      const answered = new Set(answers.filter(({ status }) => status === 201).map(({ request }) => request));
      return new Set(requests.filter((each) => each.side === side && answered.has(each.id)).map(({ key }) => key));
    },
    async history(unknowns) {
      const named = keys().map(async (key) => [await storeKey(runtime.sha256, SERVICE, [SCOPE], key), key] as const);
      const names = new Map<string, string>(await Promise.all(named));
      const listed = unknowns.map(({ key }) => ({ scope: SCOPE, key: names.get(key) ?? key }));
      return { requests, answers, effects, unknowns: listed };
    },
  };
}
