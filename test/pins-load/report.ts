import type { LoadOutcome } from "./load.js";
import { TOKENS } from "./token-streams.js";

/** Whether all that was promised held. */
export function hasPassed({ judgement, replaced }: LoadOutcome): boolean {
  const { wrong, brokenStreams, violations } = judgement;
  return wrong.length + brokenStreams.length + violations.length === 0 && replaced.left.length === 1;
}

/** The figures, one in each line, and what is wrong. */
export function report(outcome: LoadOutcome): string {
  const { seen, judgement, orders, routed, replaced, tookMs } = outcome;
  const { wrong, brokenStreams, violations } = judgement;
  const { answers, requests, searches, streams, refused, reloads, sent } = seen;
  const reconnects = streams.reduce((sum, each) => sum + each.reconnects, 0);
  const tokens = streams.reduce((sum, each) => sum + each.tokens.length, 0);
  const whole = streams.filter(({ end }) => end === "whole").length;
  return [
    `requests             ${figure(sent)} in ${(tookMs / 1000).toFixed(1)} s`,
    `routed               ${figure(routed)} to the other revision`,
    `refused              ${[...refused].map(([what, count]) => `${what} ${figure(count)}`).join(" · ")}`,
    `reloads              ${figure(reloads)} by clients that were refused`,
    `searches             ${figure(searches.length)}`,
    `orders               ${figure(orders)} happened, sent ${figure(requests.length)} times, answered ${figure(answers.length)} times`,
    `streams              ${figure(whole)} whole of ${figure(streams.length)}, ${figure(reconnects)} taken up again, ${figure(tokens)} of ${TOKENS} tokens each`,
    `index replaced       after ${replaced.tookMs.toFixed(0)} ms ${figure(replaced.left.length)} was left`,
    `wrong answers        ${figure(wrong.length)} by a revision or an index that does not match`,
    `broken streams       ${figure(brokenStreams.length)} that did not end on the revision that began them`,
    `broken rules         ${figure(violations.length)} of orders: happened twice, lost, answered differently`,
    ...[...wrong, ...brokenStreams, ...violations].slice(0, MOST_SHOWN),
    hasPassed(outcome) ? "PASSED" : "FAILED",
  ].join("\n");
}

const MOST_SHOWN = 5;

function figure(count: number): string {
  return count.toLocaleString("en-US");
}
