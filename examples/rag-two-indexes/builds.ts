import { hash256, tfidf512 } from "./embedders.js";
import { PASSAGES } from "./passages.js";
import { buildIndex, type VectorIndex } from "./vector-index.js";

/** What each revision was deployed with: the same passages, another model, cut another way. */
export const BUILDS = {
  r1: () => buildIndex({ passages: PASSAGES, embedder: hash256, chunking: { by: "passage" } }),
  r2: () => buildIndex({ passages: PASSAGES, embedder: tfidf512, chunking: { by: "sentence" } }),
} as const satisfies Readonly<Record<string, () => Promise<VectorIndex>>>;

/** A revision of the example. */
export type ExampleRevision = keyof typeof BUILDS;
