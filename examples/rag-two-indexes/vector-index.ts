import { createHash } from "node:crypto";
import { indexHash } from "@onceover/core/pins";
import { cosine, type Embedder, type Vector } from "./embedders.js";
import type { Passage } from "./passages.js";

/** How texts are cut: not at all, or after each sentence. */
export type Chunking = { readonly by: "passage" } | { readonly by: "sentence" };

/** What an index is to be built from. */
export interface IndexPlan {
  readonly passages: readonly Passage[];
  readonly embedder: Embedder;
  readonly chunking: Chunking;
}

/** A passage that was found, and the part of it that fits best. */
export interface Hit {
  readonly passage: string;
  readonly text: string;
  /** The cosine, from -1 to 1. */
  readonly score: number;
}

/** One build of an index. It never changes: other texts, another model or other cuts make another build, with another hash. */
export interface VectorIndex {
  readonly hash: string;
  readonly model: string;
  /** The passages that fit a question best, the best one first. */
  search(question: string, most: number): readonly Hit[];
}

interface Chunk {
  readonly passage: string;
  readonly text: string;
  readonly vector: Vector;
}

/** Builds an index, and names it by everything that went into it. */
export async function buildIndex({ passages, embedder, chunking }: IndexPlan): Promise<VectorIndex> {
  const cut = passages.flatMap(({ id, text }) => cutUp(text, chunking).map((part) => ({ passage: id, text: part })));
  const embed = embedder.fit(cut.map(({ text }) => text));
  const chunks = cut.map((part): Chunk => ({ ...part, vector: embed(part.text) }));
  const hash = await indexHash({
    model: embedder.tag,
    tokenizer: embedder.tokenizer,
    dimension: embedder.dimension,
    metric: "cosine",
    chunking,
    corpusRevision: createHash("sha256").update(JSON.stringify(passages)).digest("hex"),
  });
  return { hash, model: embedder.tag, search: (question, most) => best(chunks, embed(question), most) };
}

/** All of them are looked at: there are a hundred. */
function best(chunks: readonly Chunk[], question: Vector, most: number): Hit[] {
  const found = new Map<string, Hit>();
  for (const { passage, text, vector } of chunks) {
    const score = cosine(question, vector);
    if (score > (found.get(passage)?.score ?? 0)) found.set(passage, { passage, text, score });
  }
  return [...found.values()].sort((one, other) => other.score - one.score).slice(0, most);
}

function cutUp(text: string, chunking: Chunking): string[] {
  if (chunking.by === "passage") return [text];
  return text.match(/[^.!?]+[.!?]+/g)?.map((sentence) => sentence.trim()) ?? [text];
}
