/**
 * Whether each answer is by a revision, and from an index, that its request asked for: by what the handlers wrote into the
 * answers. An order belongs to the run that made it: that one must have had what its own arrival asked for, and a replay of it
 * may go to a client that asks for something newer by then.
 */

import { checkHistory, type HistoryAnswer, type HistoryEffect } from "@onceover/test/history";
import { isFinal } from "@onceover/test/history-index";
import type { Asked, SearchAnswer, Seen, TokenStream } from "./seen.js";
import type { Evidence } from "./service.js";
import { TOKENS } from "./token-streams.js";

/** A revision, and what it may have. */
export interface Side {
  readonly revision: string;
  readonly schemaRev: number;
  readonly accepts: readonly number[];
  readonly hashes: readonly string[];
}

/** What is wrong. */
export interface Judgement {
  /** Answers, and tokens, by a revision or an index that does not match. */
  readonly wrong: readonly string[];
  /** Streams that did not end, token by token, on the revision that began them. */
  readonly brokenStreams: readonly string[];
  /** Orders that happened twice, were lost, or were answered differently. */
  readonly violations: readonly string[];
}

/** Judges. Pure. */
export function judge(seen: Seen, effects: readonly HistoryEffect[], sides: readonly Side[]): Judgement {
  const { requests, answers, searches, streams } = seen;
  const isWrong = (evidence: Evidence, asked: Asked) => !sides.some((side) => has(side, evidence, asked));
  return {
    wrong: [
      ...searches.filter((each) => isWrong(each.evidence, each.asked) || isMixed(each)).map(show),
      ...answers
        .filter(isFinal)
        .filter((answer) => isWrongOrder(answer, seen, isWrong))
        .map(show),
      ...streams.filter(({ tokens, asked }) => tokens.some((token) => isWrong(token, asked))).map(show),
    ],
    brokenStreams: streams.filter(isBroken).map(show),
    violations: checkHistory({ requests, answers, effects, unknowns: [] }).map((each) => show(each)),
  };
}

/** Whether the revision is one there is, with an index that it may have, and has what was asked for. */
function has({ revision, schemaRev, accepts, hashes }: Side, evidence: Evidence, asked: Asked): boolean {
  if (evidence.revision !== revision || evidence.schemaRev !== schemaRev) return false;
  if (!hashes.includes(evidence.indexHash)) return false;
  if (asked.indexHash !== undefined && asked.indexHash !== evidence.indexHash) return false;
  return asked.schemaRev === undefined || accepts.includes(asked.schemaRev);
}

/** Whether hits are from several indexes, or the head names another revision or index than the handler. */
function isMixed({ evidence, hits, head }: SearchAnswer): boolean {
  if (head.revision !== evidence.revision || head.indexHash !== evidence.indexHash) return true;
  return hits.length === 0 || hits.some((from) => from !== evidence.indexHash);
}

function isWrongOrder(
  { arrival = "", body }: HistoryAnswer,
  { asked }: Seen,
  isWrong: (evidence: Evidence, asked: Asked) => boolean,
): boolean {
  const evidence: Evidence & { readonly arrival: string } = JSON.parse(body);
  const [here, ran] = [asked.get(arrival), asked.get(evidence.arrival)];
  if (here === undefined || ran === undefined || isWrong(evidence, ran)) return true;
  return arrival === evidence.arrival ? false : here.schemaRev !== ran.schemaRev;
}

function isBroken({ tokens, end }: TokenStream): boolean {
  if (end === "refused") return tokens.length > 0;
  const [first] = tokens;
  const isWhole = end === "whole" && tokens.length === TOKENS && tokens.every(({ id }, at) => id === at + 1);
  return !isWhole || tokens.some((token) => token.revision !== first?.revision || token.indexHash !== first.indexHash);
}

function show(what: object): string {
  return JSON.stringify(what);
}
