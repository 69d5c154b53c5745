/** Says how a storm ended, from nothing but what clients saw and what stands in the ledger. */

/** An answer after which the client asks no more. */
export interface FinalAnswer {
  readonly status: number;
  readonly body: string;
}

/** Everything clients saw of one key. */
export interface KeyHistory {
  readonly scope: string;
  readonly key: string;
  /** How often the request was sent and its answer pursued; the first time included. */
  readonly sends: number;
  /** The final answer of each of these, in the order they came. */
  readonly answers: readonly FinalAnswer[];
}

/** One line of the ledger. */
export interface LedgerEffect {
  readonly id: string;
  readonly scope: string;
  readonly key: string;
}

/** What came of a storm. All counts but the first four must be 0, and `hits` equal to `duplicates`. */
export interface Judgement {
  readonly keys: number;
  /** Keys with a final answer that says yes. */
  readonly accepted: number;
  /** Sends of a key after its first one. */
  readonly duplicates: number;
  /** Duplicates that got the first final answer of their key, byte for byte, and for which no further effect stands in the ledger. */
  readonly hits: number;
  /** Effects of a key beyond its first one. */
  readonly duplicateEffects: number;
  /** Final answers that differ from the first one of their key. */
  readonly divergentAnswers: number;
  /** Final answers that speak of no effect of their own key. */
  readonly foreignAnswers: number;
  /** Accepted keys without an effect. */
  readonly lostKeys: number;
  /** Keys whose final answer says no, though each request was in order. */
  readonly refusedKeys: number;
  /** Sends that never got a final answer. */
  readonly unanswered: number;
  /** Effects of keys that nobody sent. */
  readonly strayEffects: number;
  /** What is wrong with the first few keys, for whoever has to look into it. */
  readonly evidence: readonly string[];
  readonly passed: boolean;
}

const MOST_EVIDENCE = 5;

/** Judges. Pure; takes time linear in what it is given. */
export function judge(histories: readonly KeyHistory[], effects: readonly LedgerEffect[]): Judgement {
  const byKey = new Map<string, LedgerEffect[]>(histories.map((history) => [nameOf(history), []]));
  const strayEffects = effects.filter((effect) => (byKey.get(nameOf(effect))?.push(effect) ?? 0) === 0).length;
  const judged = histories.map((history) => judgeKey(history, byKey.get(nameOf(history)) ?? []));
  const total = (count: (key: KeyJudgement) => number) => judged.reduce((sum, key) => sum + count(key), 0);
  const counts = {
    keys: judged.length,
    accepted: total((key) => Number(key.accepted)),
    duplicates: total((key) => key.duplicates),
    hits: total((key) => key.hits),
  };
  const faults = {
    duplicateEffects: total((key) => key.duplicateEffects),
    divergentAnswers: total((key) => key.divergentAnswers),
    foreignAnswers: total((key) => key.foreignAnswers),
    lostKeys: total((key) => Number(key.accepted && key.effects === 0)),
    refusedKeys: total((key) => Number(key.refused)),
    unanswered: total((key) => key.unanswered),
    strayEffects,
  };
  const passed = Object.values(faults).every((fault) => fault === 0) && counts.hits === counts.duplicates;
  const evidence = judged.flatMap((key) => key.evidence ?? []).slice(0, MOST_EVIDENCE);
  return { ...counts, ...faults, evidence, passed };
}

type KeyJudgement = ReturnType<typeof judgeKey>;

function judgeKey(history: KeyHistory, effects: readonly LedgerEffect[]) {
  const { sends, answers } = history;
  const [first] = answers;
  const duplicates = Math.max(0, sends - 1);
  const duplicateEffects = Math.max(0, effects.length - 1);
  const equal = answers.filter((answer) => first !== undefined && isEqual(answer, first)).length;
  // The first final answer is that of the accepted request; each one beside it that is equal is a hit, unless it cost an effect.
  const hits = Math.max(0, Math.min(duplicates, equal - 1) - duplicateEffects);
  const refused = first !== undefined && !isYes(first);
  const faults = {
    duplicateEffects,
    divergentAnswers: answers.length - equal,
    foreignAnswers: answers.filter((answer) => isYes(answer) && !speaksOf(answer, effects)).length,
    unanswered: sends - answers.length,
  };
  const isWell = hits === duplicates && !refused && effects.length > 0 && Object.values(faults).every((n) => n === 0);
  return {
    effects: effects.length,
    accepted: first !== undefined && !refused,
    refused,
    duplicates,
    hits,
    ...faults,
    ...(isWell ? {} : { evidence: describe(history, effects) }),
  };
}

function describe({ scope, key, sends, answers }: KeyHistory, effects: readonly LedgerEffect[]): string {
  const different = answers.filter((answer, at) => answers.findIndex((other) => isEqual(answer, other)) === at);
  const shown = different.map(({ status, body }) => `${status} ${body.slice(0, 120)}`).join(" | ");
  const ids = effects.map(({ id }) => id).join(", ");
  return `key ${key} of ${scope}: sent ${sends} times, answered ${answers.length} times with ${shown || "nothing"}; effects: ${ids || "none"}`;
}

function isEqual(one: FinalAnswer, other: FinalAnswer): boolean {
  return one.status === other.status && one.body === other.body;
}

function isYes({ status }: FinalAnswer): boolean {
  return status >= 200 && status < 300;
}

/** A key without an effect is counted as lost, and not once more for each answer. */
function speaksOf({ body }: FinalAnswer, effects: readonly LedgerEffect[]): boolean {
  return effects.length === 0 || effects.some(({ id }) => body.includes(id));
}

function nameOf({ scope, key }: { readonly scope: string; readonly key: string }): string {
  return JSON.stringify([scope, key]);
}
