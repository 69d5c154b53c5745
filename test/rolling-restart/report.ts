import { hasPassed } from "./judge.js";
import type { RestartOutcome } from "./restarts.js";

const MOST_SHOWN = 10;

/** The figures, one in each line, and what is wrong. */
export function report({ departures, judgement, tookMs }: RestartOutcome): string {
  const { requests, tries, again, retriedByBalancer, streams, keys, sentAgain, replays, reported } = judgement;
  const { failed, wrongEffects, wrongReports } = judgement;
  const reasons = [...again].map(([why, count]) => `${why} ${figure(count)}`).join(" · ");
  return [
    `restarts           ${figure(departures.length)} in ${(tookMs / 1000).toFixed(1)} s, ${leaveTimes(departures)}`,
    `requests           ${figure(requests)}, of them ${figure(streams)} streams, and ${figure(sentAgain)} under one of ${figure(keys)} keys again`,
    `tries again        ${figure(tries - requests)}${reasons === "" ? "" : `: ${reasons}`}; by the balancer ${figure(retriedByBalancer)}`,
    `replays            ${figure(replays)}`,
    `reported           ${listed(reported)}`,
    `failed requests    ${figure(failed.length)}`,
    `wrong effects      ${figure(wrongEffects.length)} keys that took effect twice, or never`,
    `wrong reports      ${figure(wrongReports.length)} figures unlike the client's, the service's or the balancer's, or of something cut`,
    ...[...failed, ...wrongEffects, ...wrongReports].slice(0, MOST_SHOWN).map((line) => `  ${line}`),
    hasPassed(judgement) ? "PASSED" : "FAILED",
  ].join("\n");
}

function leaveTimes(departures: RestartOutcome["departures"]): string {
  const times = departures.map(({ report }) => report.durationMs / 1000).toSorted((one, other) => one - other);
  const at = (share: number) => times[Math.floor((times.length - 1) * share)]?.toFixed(1) ?? "-";
  return `each left in ${at(0)} to ${at(1)} s`;
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${figure(count)}`)
    .join(" · ");
}

function figure(count: number): string {
  return count.toLocaleString("en-US");
}
