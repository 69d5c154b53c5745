/** Two models that turn texts into vectors. Small, and the same on every machine: no weights, no network, no chance. */

/** A vector of length 1, or of zeros where a text says nothing. */
export type Vector = readonly number[];

/** A model as it is before it has seen any text. */
export interface Embedder {
  /** What requests name it by. */
  readonly tag: string;
  readonly dimension: number;
  /** How it takes texts apart: part of what an index was built from. */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** Learns from the texts what there is to learn, and gives what embeds texts from then on. */
  fit(texts: readonly string[]): (text: string) => Vector;
}

const DIMENSIONS = { hash: 256, tfidf: 512 } as const;
const SHORTEST = 3;
const LONGEST = 5;

/** Words that are in every passage and tell nothing of any. */
const STOP_WORDS: readonly string[] =
  "a an and are as at be because by can do does from has have how in is it its of on one or that the their them they to what when where which why with".split(
    " ",
  );

/** Runs of three to five letters, hashed: knows no words, and finds a word by its parts. Learns nothing. */
export const hash256: Embedder = {
  tag: "hash-256",
  dimension: DIMENSIONS.hash,
  tokenizer: { by: "characters", from: SHORTEST, to: LONGEST, stopWords: STOP_WORDS },
  fit: () => (text) => {
    const counts = countsOf(wordsOf(text).flatMap(runsOf));
    return project(DIMENSIONS.hash, counts, (_, count) => Math.sqrt(count), bucketOf);
  },
};

/** Words by how rare they are among the texts, each in a random direction that its own letters choose. */
export const tfidf512: Embedder = {
  tag: "tfidf-512",
  dimension: DIMENSIONS.tfidf,
  tokenizer: { by: "words", stem: "plural-s", stopWords: STOP_WORDS },
  fit(texts) {
    const holding = countsOf(texts.flatMap((text) => [...new Set(stemsOf(text))]));
    const rarity = (word: string) => rarityOf(holding.get(word) ?? 0, texts.length);
    return (text) =>
      project(DIMENSIONS.tfidf, countsOf(stemsOf(text)), (word, count) => count * rarity(word), directionOf);
  },
};

/** Words that no text has lead nowhere. */
function rarityOf(holding: number, texts: number): number {
  return holding === 0 ? 0 : Math.log((texts + 1) / holding);
}

/** Cosine of the angle between two vectors of length 1. */
export function cosine(one: Vector, other: Vector): number {
  return one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
}

function wordsOf(text: string): string[] {
  return (text.toLowerCase().match(/\p{L}+/gu) ?? []).filter((word) => !STOP_WORDS.includes(word));
}

function stemsOf(text: string): string[] {
  return wordsOf(text).map((word) => (word.length > 3 ? word.replace(/s$/, "") : word));
}

function runsOf(word: string): string[] {
  const padded = `^${word}$`;
  const runs: string[] = [];
  for (let length = SHORTEST; length <= LONGEST; length++) {
    for (let at = 0; at + length <= padded.length; at++) runs.push(padded.slice(at, at + length));
  }
  return runs;
}

function countsOf(tokens: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}

/** Adds up what each token puts where, and makes the sum as long as 1. */
function project(
  dimension: number,
  counts: ReadonlyMap<string, number>,
  weigh: (token: string, count: number) => number,
  place: (token: string, dimension: number, add: (at: number, sign: number) => void) => void,
): Vector {
  const sum = new Array<number>(dimension).fill(0);
  for (const [token, count] of counts) {
    const weight = weigh(token, count);
    place(token, dimension, (at, sign) => {
      sum[at] = (sum[at] ?? 0) + sign * weight;
    });
  }
  const length = Math.hypot(...sum);
  return length === 0 ? sum : sum.map((value) => value / length);
}

/** One place for each token; the sign keeps those that meet by accident from adding up. */
function bucketOf(token: string, dimension: number, add: (at: number, sign: number) => void): void {
  const hash = hashOf(token);
  add(hash % dimension, (hash & 0x80_00_00_00) === 0 ? 1 : -1);
}

/** Every place for each token, with a sign that only the token decides: two tokens are nearly at right angles. */
function directionOf(token: string, dimension: number, add: (at: number, sign: number) => void): void {
  let state = hashOf(token);
  for (let at = 0; at < dimension; at++) {
    state = mixed(state + 0x6d_2b_79_f5);
    add(at, state % 2 === 0 ? 1 : -1);
  }
}

/** FNV-1a, mixed once more: as it comes, texts that differ in their last letter only have hashes that are near. */
function hashOf(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01_00_01_93);
  return mixed(hash);
}

/** The last step of murmur3. */
function mixed(number: number): number {
  let hash = number | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
