/** What came of rolling restarts: by what the client has seen, the effects, the balancer's counts, and the reports held against all of them. */

import type { StreamReport } from "@onceover/core/drain";
import type { Asked, Try } from "./client.js";
import type { Departure } from "./instance.js";

/** Everything that was seen. */
export interface Evidence {
  readonly asked: readonly Asked[];
  /** The key of each effect, in the order in which they happened. */
  readonly effects: readonly string[];
  readonly departures: readonly Departure[];
  readonly balancer: { readonly requests: number; readonly brokenOff: number; readonly retries: number };
  /** How many tokens a whole stream has. */
  readonly tokens: number;
}

/** What was found out. */
export interface Judgement {
  readonly requests: number;
  readonly tries: number;
  /** Tries that had to be made again, by why. */
  readonly again: ReadonlyMap<string, number>;
  readonly retriedByBalancer: number;
  readonly streams: number;
  readonly keys: number;
  readonly sentAgain: number;
  readonly replays: number;
  /** What the reports say, added up. */
  readonly reported: Readonly<Record<ReportedCount, number>>;
  /** Requests that were not answered, or answered wrongly. */
  readonly failed: readonly string[];
  /** Keys that took effect more than once, or were answered and took none. */
  readonly wrongEffects: readonly string[];
  /** Where a report does not say what the client, the service or the balancer has counted, or says that something was cut. */
  readonly wrongReports: readonly string[];
}

const COUNTS = ["atStart", "served", "refused", "reconnected", "finished", "gone", "cut", "streams"] as const;
type ReportedCount = (typeof COUNTS)[number];

/** Judges. Pure. */
export function judge(evidence: Evidence): Judgement {
  const { asked, departures, balancer } = evidence;
  const tries = asked.flatMap((each) => each.tries);
  const keyed = asked.flatMap(({ wish }) => ("key" in wish ? [wish.key] : []));
  return {
    requests: asked.length,
    tries: tries.length,
    again: countedBy(asked.flatMap((each) => each.tries.slice(0, -1)).map(wordFor)),
    retriedByBalancer: balancer.retries,
    streams: asked.filter(isStream).length,
    keys: new Set(keyed).size,
    sentAgain: keyed.length - new Set(keyed).size,
    replays: tries.filter(({ outcome }) => outcome.outcome === "answered" && outcome.isReplayed).length,
    reported: addUp(departures),
    failed: [...asked.flatMap((each) => wrongAnswer(each, evidence.tokens)), ...unequalAnswers(asked)],
    wrongEffects: wrongEffects(keyed, evidence.effects),
    wrongReports: [...departures.flatMap((each) => wrongReport(each, asked)), ...wrongSums(evidence, tries)],
  };
}

/** Whether nothing is wrong. */
export function hasPassed({ failed, wrongEffects, wrongReports }: Judgement): boolean {
  return failed.length + wrongEffects.length + wrongReports.length === 0;
}

function isStream({ wish }: Asked): boolean {
  return wish.kind === "tokens" || wish.kind === "completion";
}

function wordFor({ outcome }: Try): string {
  return outcome.outcome === "refused" ? `${outcome.status} ${outcome.code ?? "of the balancer"}` : outcome.outcome;
}

function countedBy(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function addUp(departures: readonly Departure[]): Readonly<Record<ReportedCount, number>> {
  const totalOf = (name: ReportedCount) =>
    departures.reduce(
      (total, { report }) => total + (name === "streams" ? report.streams.length : report.requests[name]),
      0,
    );
  const totals = COUNTS.map((name) => [name, totalOf(name)] as const);
  return Object.fromEntries(totals) as Record<ReportedCount, number>;
}

/** What is wrong with what a wish came to; nothing, or one sentence. */
function wrongAnswer({ wish, tries }: Asked, tokens: number): string[] {
  const last = tries.at(-1);
  if (last?.outcome.outcome !== "answered") {
    return [`${wish.kind} failed: ${tries.map(wordFor).join(", ")} (${last?.arrival})`];
  }
  const { status, body } = last.outcome;
  const isRight = status === (wish.kind === "payment" ? 201 : 200) && isBodyOf(wish, last.arrival, body, tokens);
  return isRight ? [] : [`${wish.kind} was answered wrongly: ${status} ${body.slice(0, 200)} (${last.arrival})`];
}

function isBodyOf(wish: Asked["wish"], arrival: string, body: string, tokens: number): boolean {
  switch (wish.kind) {
    case "balance":
      return JSON.parse(body).arrival === arrival;
    case "payment":
      return JSON.parse(body).key === wish.key;
    case "tokens":
    case "completion":
      return body === streamBy(revisionOf(body), tokens);
    // no default
  }
}

/** A whole stream, all of it by one revision. */
function streamBy(revision: string, tokens: number): string {
  return Array.from({ length: tokens }, (_, at) => `id: ${at + 1}\ndata: ${revision}\n\n`).join("");
}

/** The revision that began a stream. */
function revisionOf(body: string): string {
  return /^id: 1\ndata: (\S+)\n/.exec(body)?.[1] ?? "";
}

/** Everybody who asks under one key gets the same answer. */
function unequalAnswers(asked: readonly Asked[]): string[] {
  const first = new Map<string, string>();
  return asked.flatMap(({ wish, tries }) => {
    const outcome = tries.at(-1)?.outcome;
    if (!("key" in wish) || outcome?.outcome !== "answered") return [];
    const before = first.get(wish.key) ?? outcome.body;
    first.set(wish.key, before);
    return before === outcome.body ? [] : [`${wish.key} was answered ${before} and ${outcome.body}`];
  });
}

function wrongEffects(keys: readonly string[], effects: readonly string[]): string[] {
  const counts = countedBy(effects);
  const known = new Set(keys);
  const wrong = [...known].filter((key) => counts.get(key) !== 1);
  const strange = [...counts.keys()].filter((key) => !known.has(key));
  return [...wrong, ...strange].map((key) => `${key} took effect ${counts.get(key) ?? 0} times`);
}

/** Holds one report against what the service and the client have counted. */
function wrongReport({ revision, exitCode, report, visits }: Departure, asked: readonly Asked[]): string[] {
  const { requests, streams, interrupted, hooks } = report;
  const letIn = new Set([...visits.atStart, ...visits.served]);
  const here = asked.filter(({ tries }) => tries.some((one) => letIn.has(one.arrival) && isAnswered(one)));
  const streamed = here.filter(isStream);
  const bytes = streamed.reduce((sum, { tries }) => sum + bytesOf(tries.at(-1)), 0);
  const compared: readonly (readonly [what: string, said: unknown, counted: unknown])[] = [
    ["exit code", exitCode, 0],
    ["verdict", report.verdict, "clean"],
    ["revision", report.revision, revision],
    ["requests at the start", requests.atStart, visits.atStart.length],
    ["requests served", requests.served, visits.served.length],
    ["requests finished", requests.finished, here.length],
    ["clients gone", requests.gone, letIn.size - here.length],
    ["requests cut", requests.cut, 0],
    ["sum", requests.atStart + requests.served, requests.finished + requests.gone + requests.cut],
    ["interrupted runs", interrupted.length, 0],
    ["hooks", hooks.filter(({ outcome }) => outcome !== "ok").length, 0],
    ["streams", streams.length, streamed.length],
    ["bytes of streams", streams.reduce((sum, each) => sum + each.bytes, 0), bytes],
    ["streams that did not finish here", streams.filter((each) => !isFinishedBy(revision, each)).length, 0],
    ["streams by another revision", streamed.filter((each) => !isBegunBy(revision, each)).length, 0],
  ];
  const unlike = compared.filter(([, said, counted]) => said !== counted);
  return unlike.map(([what, said, counted]) => `${what} of ${revision}: ${said} is reported, ${counted} was counted`);
}

function isAnswered({ outcome }: Try): boolean {
  return outcome.outcome === "answered";
}

function bytesOf(one: Try | undefined): number {
  return one?.outcome.outcome === "answered" ? Buffer.byteLength(one.outcome.body) : 0;
}

function isFinishedBy(revision: string, { revision: { start, end }, outcome }: StreamReport): boolean {
  return outcome === "finished" && start === revision && end === revision;
}

/** A replay says which revision its key's run was of; that is no matter of where it was replayed. */
function isBegunBy(revision: string, { tries }: Asked): boolean {
  const outcome = tries.at(-1)?.outcome;
  if (outcome?.outcome !== "answered") return false;
  return outcome.isReplayed || revisionOf(outcome.body) === revision;
}

/** What only all reports together can be held against. */
function wrongSums({ departures, balancer }: Evidence, tries: readonly Try[]): string[] {
  const { refused, reconnected } = addUp(departures);
  const comeAgain = tries.filter(({ outcome }) => outcome.outcome === "told-to-come-again").length;
  const seen = tries.filter(({ outcome }) => outcome.outcome === "refused" && outcome.code === "draining").length;
  const wrong: string[] = [];
  if (reconnected !== comeAgain) wrong.push(`${reconnected} were told to come again, ${comeAgain} clients heard it`);
  // The balancer sends what was refused to another server, and tells nobody why.
  if (refused < seen || refused > seen + balancer.retries) {
    wrong.push(
      `${refused} were refused; clients heard it ${seen} times, the balancer at most ${balancer.retries} times`,
    );
  }
  // A connection that was never taken carried no request.
  const answeredAtAll = tries.filter(({ outcome }) => outcome.outcome !== "lost").length;
  if (balancer.requests < answeredAtAll || balancer.requests > tries.length) {
    wrong.push(`${tries.length} requests were sent, ${balancer.requests} came to the balancer`);
  }
  if (balancer.brokenOff > 0) wrong.push(`${balancer.brokenOff} answers were broken off, says the balancer`);
  return wrong;
}
