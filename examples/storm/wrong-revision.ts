/**
 * Answers by a revision that does not have what was asked for.
 *
 * Nothing is believed of what the answer's head says: the handler has written into the effect, and so into the answer,
 * which build it is and which arrival it ran for. The build must have what that arrival asked for, and what everybody
 * asked for who gets the same answer. Only who asked for what no build has may be told what became of another try of the key.
 */

import type { HistoryAnswer } from "@onceover/test/history";
import { isFinal } from "@onceover/test/history-index";
import type { Build } from "../payments-service/build.js";
import { type Asked, has } from "./asking.js";

/** What was asked, and who was there. */
export interface Sides {
  readonly builds: readonly Build[];
  /** What each arrival asked for. */
  readonly asked: ReadonlyMap<string, Asked>;
}

/** Says of each answer by a wrong revision what is wrong with it. Pure. */
export function wrongRevisions(answers: readonly HistoryAnswer[], sides: Sides): string[] {
  return answers.filter(isFinal).flatMap((answer) => {
    const wrong = whatIsWrong(answer, sides);
    return wrong === undefined ? [] : [`${wrong}: answer ${answer.body} to arrival ${answer.arrival}`];
  });
}

function whatIsWrong({ arrival = "", body }: HistoryAnswer, { builds, asked }: Sides): string | undefined {
  const evidence = evidenceIn(body);
  const build = builds.find((each) => isBy(evidence, each));
  const ran = asked.get(String(evidence.arrival));
  const here = asked.get(arrival);
  if (build === undefined) return "it is by no build there is";
  if (ran === undefined || here === undefined) return "nobody sent it";
  if (!has(build, ran)) return `it was run for ${JSON.stringify(ran)}`;
  const isToBeHad = builds.some((each) => has(each, here));
  return isToBeHad && !has(build, here) ? `it was given to ${JSON.stringify(here)}` : undefined;
}

type Evidence = Readonly<Partial<Record<"revision" | "schemaRev" | "indexHash" | "arrival", unknown>>>;

/** An answer that is no object has none. */
function evidenceIn(body: string): Evidence {
  try {
    return Object(JSON.parse(body));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function isBy({ revision, schemaRev, indexHash }: Evidence, build: Build): boolean {
  return revision === build.revision && schemaRev === build.schemaRev && indexHash === build.indexHash;
}
