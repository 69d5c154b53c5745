/**
 * What must hold of every history, whatever made it: simulated schedules, killed workers, real stores. A history is
 * what can be seen from outside: requests sent, answers got, effects in the ledger, outcomes listed as unknown. It is
 * taken after healing: nothing is down any more, leases have ended, and each key has been sent once more.
 */

/** A key and whom it is unique within. */
export interface HistoryKey {
  readonly scope: string;
  readonly key: string;
}

/** One request as a client sent it. */
export interface HistoryRequest extends HistoryKey {
  readonly id: string;
  /** Tells payloads apart: two requests of one key are duplicates when it is the same. */
  readonly payload: string;
  /** The connection broke or the client hung up: no answer is owed. @default false */
  readonly gone?: boolean;
}

/** One answer as a client got it. */
export interface HistoryAnswer {
  /** The `id` of the request it answers. */
  readonly request: string;
  readonly status: number;
  /** Everything that must be equal in each final answer of a key. */
  readonly body: string;
  /** The id of the effect that a final answer speaks of; absent where the body names none. */
  readonly effect?: string;
  /** The member `executed` of a problem; absent where it has none. */
  readonly executed?: boolean | "unknown";
}

/** One line of the ledger that the effects themselves write. */
export interface HistoryEffect extends HistoryKey {
  readonly id: string;
  readonly payload: string;
  /** The request whose own run made it, where the ledger knows. */
  readonly request?: string;
}

/** All that was seen. */
export interface History {
  readonly requests: readonly HistoryRequest[];
  readonly answers: readonly HistoryAnswer[];
  readonly effects: readonly HistoryEffect[];
  /** What `store.unknowns()` lists in the end. */
  readonly unknowns: readonly HistoryKey[];
  /**
   * Keys whose record a store lost, which no store below T3 rules out. Of these it is not asked that they take effect
   * once, that their answers are equal, or that they are settled. @default none
   */
  readonly lost?: readonly HistoryKey[];
}

/** The rules by name. */
export type RuleName =
  | "one-effect-per-key"
  | "final-answers-equal"
  | "no-answer-without-effect"
  | "answer-is-ones-own"
  | "key-is-settled"
  | "request-is-answered"
  | "not-executed-is-true";

/** One rule that did not hold. */
export interface Violation {
  readonly rule: RuleName;
  readonly detail: string;
}

/** Finds every rule that a history breaks. Pure; takes time linear in the history. */
export function checkHistory(history: History): Violation[] {
  const seen = index(history);
  return [
    ...[...seen.keys.values()].flatMap(checkKey),
    ...history.answers.flatMap((answer) => checkAnswer(answer, seen)),
    ...history.requests.flatMap((request) => checkRequest(request, seen)),
  ];
}

/** All that belongs to one key. */
interface KeyHistory extends HistoryKey {
  /** The final ones. */
  readonly answers: HistoryAnswer[];
  readonly effects: HistoryEffect[];
  /** Somebody was told how it ended, be it by a recorded failure. */
  told: boolean;
  listed: boolean;
  lost: boolean;
}

interface Index {
  readonly keys: Map<string, KeyHistory>;
  readonly requests: Map<string, HistoryRequest>;
  readonly effects: Map<string, HistoryEffect>;
  readonly answered: Set<string>;
  /** Requests whose own run made an effect. */
  readonly executed: Set<string>;
}

function index({ requests, answers, effects, unknowns, lost = [] }: History): Index {
  const keys = new Map<string, KeyHistory>();
  const byId = new Map(requests.map((request) => [request.id, request]));
  for (const request of requests) keyHistory(keys, request);
  for (const effect of effects) keyHistory(keys, effect).effects.push(effect);
  for (const unknown of unknowns) keyHistory(keys, unknown).listed = true;
  for (const gone of lost) keyHistory(keys, gone).lost = true;
  for (const answer of answers) {
    const request = byId.get(answer.request);
    if (request !== undefined) addAnswer(keyHistory(keys, request), answer);
  }
  return {
    keys,
    requests: byId,
    effects: new Map(effects.map((effect) => [effect.id, effect])),
    answered: new Set(answers.map((answer) => answer.request)),
    executed: new Set(effects.flatMap((effect) => effect.request ?? [])),
  };
}

function keyHistory(keys: Map<string, KeyHistory>, { scope, key }: HistoryKey): KeyHistory {
  const name = JSON.stringify([scope, key]);
  const found = keys.get(name) ?? { scope, key, answers: [], effects: [], told: false, listed: false, lost: false };
  keys.set(name, found);
  return found;
}

function addAnswer(found: KeyHistory, answer: HistoryAnswer): void {
  if (isFinal(answer)) found.answers.push(answer);
  if (answer.executed !== false && answer.executed !== "unknown") found.told = true;
}

/** An answer that says the request is done. */
function isFinal({ status }: HistoryAnswer): boolean {
  return status >= 200 && status < 300;
}

function checkKey(found: KeyHistory): Violation[] {
  if (found.lost) return [];
  const { scope, key, answers, effects, told, listed } = found;
  const broken: Violation[] = [];
  const breaks = (rule: RuleName, detail: string) => broken.push({ rule, detail: `key ${key} of ${scope}: ${detail}` });
  if (effects.length > 1) breaks("one-effect-per-key", `effects ${effects.map(({ id }) => id).join(", ")}`);
  const different = answers.find(({ body }) => body !== answers[0]?.body);
  if (different !== undefined) {
    breaks("final-answers-equal", `${show(answers[0])} and ${show(different)}`);
  }
  if (effects.length > 0 && !told && !listed) {
    breaks("key-is-settled", "took effect, and is neither answered nor listed as unknown");
  }
  return broken;
}

function checkAnswer(answer: HistoryAnswer, seen: Index): Violation[] {
  const request = seen.requests.get(answer.request);
  if (request === undefined)
    return [{ rule: "answer-is-ones-own", detail: `nobody sent the request of ${show(answer)}` }];
  if (answer.executed === false && seen.executed.has(request.id)) {
    return [{ rule: "not-executed-is-true", detail: `${show(answer)}, and the request's own run took effect` }];
  }
  if (!isFinal(answer)) return [];
  const named = answer.effect === undefined ? undefined : seen.effects.get(answer.effect);
  const own = named ?? seen.keys.get(JSON.stringify([request.scope, request.key]))?.effects[0];
  if (own === undefined || (answer.effect !== undefined && named === undefined)) {
    return [{ rule: "no-answer-without-effect", detail: show(answer) }];
  }
  if (own.scope === request.scope && own.key === request.key && own.payload === request.payload) return [];
  return [{ rule: "answer-is-ones-own", detail: `${show(answer)} speaks of effect ${own.id}` }];
}

function checkRequest({ id, gone = false }: HistoryRequest, { answered }: Index): Violation[] {
  return gone || answered.has(id) ? [] : [{ rule: "request-is-answered", detail: `request ${id} hangs` }];
}

function show(answer: HistoryAnswer | undefined): string {
  return answer === undefined
    ? "nothing"
    : `answer ${answer.status} ${JSON.stringify(answer.body)} to request ${answer.request}`;
}
