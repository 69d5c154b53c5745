import type { HistoryAnswer, HistoryRequest } from "@onceover/test/history";
import type { Evidence } from "./service.js";

/** What a request asked for. */
export interface Asked {
  readonly schemaRev?: number;
  readonly indexHash?: string;
}

/** What an answer to a search said: in its body, and in its head. */
export interface SearchAnswer {
  readonly asked: Asked;
  readonly evidence: Evidence;
  /** The index of each hit. */
  readonly hits: readonly string[];
  readonly head: { readonly revision: string; readonly indexHash: string };
}

/** A stream from its first request to its last token. */
export interface TokenStream {
  readonly asked: Asked;
  /** What each token said that came, in order, over all connections. */
  readonly tokens: readonly (Evidence & { readonly id: number })[];
  readonly reconnects: number;
  /** `refused` is told before the first token; `lost` at a reconnect. */
  readonly end: "whole" | "refused" | "lost";
}

/** What clients sent and saw. */
export interface Seen {
  readonly requests: HistoryRequest[];
  readonly answers: HistoryAnswer[];
  /** What each arrival of an order asked for. */
  readonly asked: Map<string, Asked>;
  readonly searches: SearchAnswer[];
  readonly streams: TokenStream[];
  /** Answers that were none, by status and code. */
  readonly refused: Map<string, number>;
  /** All that was sent. */
  sent: number;
  /** How often a client had to learn what there is. */
  reloads: number;
}

/** Nothing was sent yet. */
export function createSeen(): Seen {
  const counts = { sent: 0, reloads: 0 };
  return { requests: [], answers: [], asked: new Map(), searches: [], streams: [], refused: new Map(), ...counts };
}
