/**
 * What must hold of every history, whatever made it: simulated schedules, killed workers, real stores, a benchmark.
 *
 * A history is what can be seen from outside: requests sent, answers got, effects in the ledger that the effects
 * themselves write, and what the store says after healing. So it is taken when nothing is down any more, every lease
 * has ended, and each key has been sent once more. How to use it:
 *
 *     const history = { requests, answers, effects, unknowns };    // what was seen, as plain data
 *     const broken = checkHistory(history);                        // [] or one violation for each thing that is wrong
 *     countBroken(broken)["one-effect-per-key"];                   // duplicate effects
 *     const { duplicates, hits } = dedupe(history);                // of @onceover/test/history-dedupe: ids of requests
 *
 * A *request* is one intent of a client to learn the answer: where it is tried again and again until it has one
 * (`owed: "yes"`), all tries are one request, and answers of earlier tries may stand beside the last one. Two requests
 * of one scope and key are duplicates. An answer is *final* where its status is 2xx; a refusal with 409, 502, 503 or 504
 * says "later", any other one says "no".
 *
 * | rule | broken by each | |
 * |---|---|---|
 * | `one-effect-per-key` | effect of a key beyond its first | |
 * | `effect-was-asked-for` | key that took effect and that nobody sent | stray |
 * | `final-answers-equal` | final answer unlike the first one of its key | byte for byte |
 * | `no-answer-without-effect` | final answer whose effect is not in the ledger | phantom |
 * | `answer-is-ones-own` | answer to nobody, or about the effect of another key, scope or payload | |
 * | `no-foreign-byte` | answer that holds another scope's mark | needs `marks` |
 * | `key-is-settled` | key that took effect or was answered, and is neither done nor listed as unknown | lost |
 * | `request-is-answered` | request that is owed an answer and has none | |
 * | `request-is-accepted` | request in order that was told "no" | needs `owed: "yes"` |
 * | `not-executed-is-true` | answer that says `executed: false` of an arrival whose own run took effect | needs `effects[].arrival` |
 */

import {
  type HistoryIndex,
  indexHistory,
  isEqual,
  isFinal,
  isLater,
  type KeyHistory,
  nameOf,
} from "./history-index.js";

/** A key and whom it is unique within. */
export interface HistoryKey {
  readonly scope: string;
  readonly key: string;
}

/** One request as a client sent it. */
export interface HistoryRequest extends HistoryKey {
  readonly id: string;
  /** Tells payloads apart: two requests of one key are duplicates when it is the same. @default one payload per key */
  readonly payload?: string;
  /**
   * What the client must have got: `"nothing"` where it hung up or its server died, `"answer"` for any answer, `"yes"`
   * where the request is in order and was tried again until it was answered for good. @default "answer"
   */
  readonly owed?: "nothing" | "answer" | "yes";
}

/** One answer as a client got it. */
export interface HistoryAnswer {
  /** The `id` of the request it answers. */
  readonly request: string;
  /** Which sending of the request it answers, where that was sent several times. @default the request's id */
  readonly arrival?: string;
  readonly status: number;
  /** Everything that must be equal in each final answer of a key; the status is, anyway. */
  readonly body: string;
  /** What came with it and may differ, such as header lines: searched for marks alone. */
  readonly head?: string;
  /** The id of the effect that a final answer speaks of; absent where such answers name none. */
  readonly effect?: string;
  /** The member `executed` of a problem; absent where it has none. */
  readonly executed?: boolean | "unknown";
}

/** One line of the ledger that the effects themselves write. */
export interface HistoryEffect extends HistoryKey {
  readonly id: string;
  /** Absent where the ledger does not know. */
  readonly payload?: string;
  /** The arrival whose own run made it, where the ledger knows. */
  readonly arrival?: string;
}

/** All that was seen. */
export interface History {
  /** In the order they were sent: the first one of a key is no duplicate. */
  readonly requests: readonly HistoryRequest[];
  /** In the order they came. */
  readonly answers: readonly HistoryAnswer[];
  readonly effects: readonly HistoryEffect[];
  /** What `store.unknowns()` lists in the end. */
  readonly unknowns: readonly HistoryKey[];
  /** Keys whose record is done in the end, where that was looked at: all others not in `unknowns` are free. @default not looked at */
  readonly done?: readonly HistoryKey[];
  /** A text of each scope that its requests hold, and that no answer to another scope may hold. @default none */
  readonly marks?: ReadonlyMap<string, string>;
  /**
   * Keys whose record the store is known to have lost, which no store below T3 rules out. Of these it is not asked that
   * they take effect once, that their answers are equal, or that they are settled. @default none
   */
  readonly excused?: readonly HistoryKey[];
}

/** The rules by name, and what breaks each, for counting. */
export const RULES = {
  "one-effect-per-key": "duplicate effects",
  "effect-was-asked-for": "keys that took effect and that nobody sent",
  "final-answers-equal": "divergent answers",
  "no-answer-without-effect": "answers without their effect",
  "answer-is-ones-own": "answers about another key's effect",
  "no-foreign-byte": "answers with a byte of another scope",
  "key-is-settled": "lost keys",
  "request-is-answered": "requests without an answer",
  "request-is-accepted": "requests refused for no reason",
  "not-executed-is-true": "answers that deny their own effect",
} as const;

export type RuleName = keyof typeof RULES;

/** One thing that is wrong. */
export interface Violation {
  readonly rule: RuleName;
  readonly detail: string;
}

/** Finds everything in a history that breaks a rule. Pure; takes time linear in the history. */
export function checkHistory(history: History): Violation[] {
  const seen = indexHistory(history);
  const broken: Violation[] = [];
  for (const key of seen.keys.values()) checkKey(key, seen, broken);
  for (const answer of history.answers) checkAnswer(answer, seen, broken);
  for (const request of history.requests) checkRequest(request, seen, broken);
  return broken;
}

/** How often each rule is broken. */
export function countBroken(violations: readonly Violation[]): Readonly<Record<RuleName, number>> {
  const counts = Object.fromEntries(Object.keys(RULES).map((rule) => [rule, 0])) as Record<RuleName, number>;
  for (const { rule } of violations) counts[rule] += 1;
  return counts;
}

function checkKey(found: KeyHistory, { knowsDone }: HistoryIndex, broken: Violation[]): void {
  const { scope, key, requests, finals, effects, told, listed, done, excused } = found;
  const breaks = (rule: RuleName, detail: string) =>
    void broken.push({ rule, detail: `key ${key} of ${scope}: ${detail}` });
  const [effect, ...furtherEffects] = effects;
  const [answer, ...furtherAnswers] = finals;
  if (effect !== undefined && requests.length === 0)
    breaks("effect-was-asked-for", `effect ${effect.id}, and nobody sent it`);
  if (excused) return;
  for (const { id } of furtherEffects) breaks("one-effect-per-key", `effects ${effect?.id}, ${id}`);
  for (const other of furtherAnswers) {
    if (answer !== undefined && !isEqual(answer, other))
      breaks("final-answers-equal", `${show(answer)} and ${show(other)}`);
  }
  if ((effect ?? answer) === undefined || listed || done || (told && !knowsDone)) return;
  const happened = effect === undefined ? "was answered" : "took effect";
  breaks("key-is-settled", `${happened}, and is neither ${knowsDone ? "done" : "answered"} nor listed as unknown`);
}

function checkAnswer(answer: HistoryAnswer, seen: HistoryIndex, broken: Violation[]): void {
  const request = seen.requests.get(answer.request);
  const breaks = (rule: RuleName, detail: string) => void broken.push({ rule, detail });
  if (request === undefined) return breaks("answer-is-ones-own", `nobody sent the request of ${show(answer)}`);
  for (const [scope, mark] of seen.marks) {
    if (scope === request.scope || !`${answer.head ?? ""}${answer.body}`.includes(mark)) continue;
    breaks("no-foreign-byte", `${show(answer)} of ${request.scope} holds the mark of ${scope}`);
  }
  if (answer.executed === false && seen.executed.has(answer.arrival ?? request.id)) {
    return breaks("not-executed-is-true", `${show(answer)}, and its own run took effect`);
  }
  if (!isFinal(answer)) return;
  const effect = effectOf(answer, request, seen);
  if (effect === undefined) return breaks("no-answer-without-effect", show(answer));
  if (!isOf(effect, request)) breaks("answer-is-ones-own", `${show(answer)} speaks of effect ${effect.id}`);
}

/** The effect that a final answer names; one that names none speaks of its key's. */
function effectOf(answer: HistoryAnswer, { scope, key }: HistoryKey, seen: HistoryIndex): HistoryEffect | undefined {
  if (answer.effect !== undefined) return seen.effects.get(answer.effect);
  return seen.keys.get(nameOf(scope, key))?.effects[0];
}

function isOf(effect: HistoryEffect, request: HistoryRequest): boolean {
  if (effect.scope !== request.scope || effect.key !== request.key) return false;
  return effect.payload === undefined || request.payload === undefined || effect.payload === request.payload;
}

function checkRequest({ id, owed = "answer" }: HistoryRequest, { answers }: HistoryIndex, broken: Violation[]): void {
  if (owed === "nothing") return;
  const got = answers.get(id) ?? [];
  if (got.length > 0 && (owed === "answer" || got.some(isFinal))) return;
  const no = got.find((answer) => !isLater(answer));
  if (no === undefined) broken.push({ rule: "request-is-answered", detail: `request ${id} hangs${last(got)}` });
  else broken.push({ rule: "request-is-accepted", detail: show(no) });
}

function last(got: readonly HistoryAnswer[]): string {
  const answer = got.at(-1);
  return answer === undefined ? "" : `; the last of ${got.length} answers: ${show(answer)}`;
}

const MOST_SHOWN = 200;

function show({ status, body, request }: HistoryAnswer): string {
  return `answer ${status} ${JSON.stringify(body.slice(0, MOST_SHOWN))} to request ${request}`;
}
