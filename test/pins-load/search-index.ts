import { indexHash } from "@onceover/core/pins";

/** One build of an index. What it finds says which build it was found in. */
export interface SearchIndex {
  readonly hash: string;
  search(word: string): readonly Hit[];
}

/** A text that was found. */
export interface Hit {
  readonly title: string;
  /** The hash of the index it was found in, kept with the text when that was built. */
  readonly from: string;
}

const TITLES = ["payment twice", "payment once", "retry later", "retry once", "stream of tokens", "old index", "index"];

/** The words that can be looked for; each is found. */
export const WORDS = ["payment", "retry", "once", "stream", "index"] as const;

/** What the index of this state of the texts is called. */
export function hashOf(corpusRevision: string): Promise<string> {
  return indexHash({ model: "words", dimension: 1, metric: "equality", corpusRevision });
}

/** Builds the index of this state of the texts. */
export async function buildIndex(corpusRevision: string): Promise<SearchIndex> {
  const hash = await hashOf(corpusRevision);
  const postings = new Map<string, Hit[]>();
  for (const title of TITLES) {
    for (const word of title.split(" ")) postings.set(word, [...(postings.get(word) ?? []), { title, from: hash }]);
  }
  return { hash, search: (word) => postings.get(word) ?? [] };
}
