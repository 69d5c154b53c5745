import type { History, HistoryAnswer, HistoryEffect, HistoryKey, HistoryRequest } from "./history.js";

/** All that belongs to one key. */
export interface KeyHistory extends HistoryKey {
  readonly requests: HistoryRequest[];
  readonly finals: HistoryAnswer[];
  readonly effects: HistoryEffect[];
  /** Somebody was told how it ended, be it by a recorded failure. */
  told: boolean;
  listed: boolean;
  done: boolean;
  excused: boolean;
}

/** A history, sorted for looking things up. */
export interface HistoryIndex {
  readonly keys: Map<string, KeyHistory>;
  readonly requests: Map<string, HistoryRequest>;
  readonly effects: Map<string, HistoryEffect>;
  /** Answers by the id of their request. */
  readonly answers: Map<string, HistoryAnswer[]>;
  /** Arrivals whose own run made an effect. */
  readonly executed: Set<string | undefined>;
  /** Whether it was looked at which keys are done. */
  readonly knowsDone: boolean;
  readonly marks: readonly (readonly [scope: string, mark: string])[];
}

/** Sorts a history by key, request and effect. */
export function indexHistory({
  requests,
  answers,
  effects,
  unknowns,
  done,
  marks,
  excused = [],
}: History): HistoryIndex {
  const seen: HistoryIndex = {
    keys: new Map(),
    requests: new Map(requests.map((request) => [request.id, request])),
    effects: new Map(effects.map((effect) => [effect.id, effect])),
    answers: new Map(),
    executed: new Set(effects.map(({ arrival }) => arrival)),
    knowsDone: done !== undefined,
    marks: marks === undefined ? [] : [...marks],
  };
  for (const request of requests) keyHistory(seen, request).requests.push(request);
  for (const effect of effects) keyHistory(seen, effect).effects.push(effect);
  for (const unknown of unknowns) keyHistory(seen, unknown).listed = true;
  for (const key of done ?? []) keyHistory(seen, key).done = true;
  for (const key of excused) keyHistory(seen, key).excused = true;
  for (const answer of answers) addAnswer(seen, answer);
  return seen;
}

function keyHistory({ keys }: HistoryIndex, { scope, key }: HistoryKey): KeyHistory {
  const name = nameOf(scope, key);
  const known = keys.get(name);
  if (known !== undefined) return known;
  const state = { told: false, listed: false, done: false, excused: false };
  const found = { scope, key, requests: [], finals: [], effects: [], ...state };
  keys.set(name, found);
  return found;
}

/** Names a key. The length in front keeps scope and key apart, whatever is in them. */
export function nameOf(scope: string, key: string): string {
  return `${scope.length} ${scope}${key}`;
}

function addAnswer(seen: HistoryIndex, answer: HistoryAnswer): void {
  const request = seen.requests.get(answer.request);
  if (request === undefined) return;
  const others = seen.answers.get(request.id);
  if (others === undefined) seen.answers.set(request.id, [answer]);
  else others.push(answer);
  const key = keyHistory(seen, request);
  if (isFinal(answer)) key.finals.push(answer);
  if (answer.executed === true || (answer.executed === undefined && !isLater(answer))) key.told = true;
}

/** An answer that says the request is done. */
export function isFinal({ status }: HistoryAnswer): boolean {
  return status >= 200 && status < 300;
}

/** A refusal that says "later": one of ours, or of whatever stands in front of us. */
export function isLater({ status }: HistoryAnswer): boolean {
  return status === 409 || (status >= 502 && status <= 504);
}

/** Whether two answers are the same, byte for byte. */
export function isEqual(one: HistoryAnswer, other: HistoryAnswer): boolean {
  return one.status === other.status && one.body === other.body;
}
