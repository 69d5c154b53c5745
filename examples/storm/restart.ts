/** In the middle of the storm the workers are restarted one after the other, as a deploy does it, while streams are open. */

import { setTimeout as sleep } from "node:timers/promises";
import type { DrainReport, StreamOutcome } from "@onceover/core/drain";
import type { Effect } from "../payments-service/ledger.js";
import type { LeaveOptions } from "../payments-service/worker.js";
import { openStreams, type StreamsSeen } from "./event-streams.js";
import type { Front } from "./front.js";
import type { Departure, Workers } from "./workers.js";

/** How long a worker may take to leave, in milliseconds: short, so that the storm goes on soon. */
export const LEAVE: LeaveOptions = {
  plan: {
    budgetMs: 10_000,
    holdMs: 2_000,
    quietMs: 400,
    drainMs: 6_000,
    farewellMs: 1_500,
    lingerMs: 300,
    spreadMs: 200,
  },
  retryMs: 100,
};

/** What was seen of a restart. */
export interface RestartSeen {
  readonly departures: readonly Departure[];
  readonly streams: StreamsSeen;
  /** Requests that a worker took which had not been killed, and did not answer whole, though their clients waited. */
  readonly lost: number;
}

/** What came of a restart. */
export interface RestartJudgement {
  readonly workers: number;
  /** Streams by what the reports say became of them. */
  readonly streams: Readonly<Record<StreamOutcome, number>>;
  /** Answered by workers that were leaving, and refused by them. */
  readonly answered: number;
  readonly refused: number;
  readonly lost: number;
  /** How many reports are, and how many workers ended with exit code 0. */
  readonly clean: number;
  readonly exitedWell: number;
  /** Explanations that clients read to their end, and how often another worker went on with a feed. */
  readonly whole: number;
  readonly takenUp: number;
  /** What is wrong, one sentence each. */
  readonly wrong: readonly string[];
}

/** What it takes to restart all workers. */
export interface RestartGround {
  readonly workers: Workers;
  readonly count: number;
  readonly front: Front;
  readonly signal: AbortSignal;
  /** Settles when all workers serve. */
  areServing(): Promise<void>;
  /** How many effects there are by now. */
  effectCount(): number;
}

/** Restarts each worker once; nobody is killed meanwhile. Rejects when the storm is broken off. */
export async function restartAll(ground: RestartGround): Promise<RestartSeen> {
  const { workers, count, front, signal } = ground;
  await ground.areServing();
  const clients = openStreams(front.port, signal);
  const departures: Departure[] = [];
  for (let worker = 0; worker < count; worker += 1) {
    departures.push(await workers.leave(worker));
    await ground.areServing();
  }
  // Whoever was handed off last has to be served by somebody else, too.
  const effects = ground.effectCount();
  while (clients.toldByAll() < effects) await sleep(20, undefined, { signal });
  const streams = await clients.end();
  const lost = departures.reduce((sum, { port }) => sum + front.lostBy(port), 0);
  return { departures, streams, lost };
}

/** Holds what the workers reported against what their clients have seen, and against the ledger. Pure. */
export function judgeRestart({ departures, streams, lost }: RestartSeen, effects: readonly Effect[]): RestartJudgement {
  const reports = departures.flatMap(({ report }) => report ?? []);
  const byOutcome = streamsOf(reports);
  const sum = (name: "served" | "atStart" | "refused" | "reconnected") =>
    reports.reduce((total, { requests }) => total + requests[name], 0);
  return {
    workers: departures.length,
    streams: byOutcome,
    answered: sum("atStart") + sum("served"),
    refused: sum("refused"),
    lost,
    clean: reports.filter(({ verdict }) => verdict === "clean").length,
    exitedWell: departures.filter(({ exitCode }) => exitCode === 0).length,
    whole: streams.whole,
    takenUp: streams.feeds.reduce((total, feed) => total + Math.max(0, feed.workers - 1), 0),
    wrong: [
      ...departures.flatMap(wrongDeparture),
      ...streams.wrong,
      ...streams.feeds.flatMap(({ effects: told }, at) => wrongFeed(told, effects, at)),
      ...unlike("clients of streams that left", byOutcome["client-gone"], 0),
      ...unlike("clients told to come again", byOutcome["handed-off"] + sum("reconnected"), streams.toldToComeAgain),
      ...(lost === 0 ? [] : [`${lost} requests were lost by workers that left`]),
    ],
  };
}

/** Event streams only: an answer that comes in pieces, such as one that was passed on, counts among the requests. */
function streamsOf(reports: readonly DrainReport[]): Record<StreamOutcome, number> {
  const counts = { finished: 0, "handed-off": 0, "client-gone": 0, cut: 0 };
  for (const { streams } of reports) {
    for (const { class: kind, outcome } of streams) if (kind === "sse") counts[outcome] += 1;
  }
  return counts;
}

function wrongDeparture({ port, exitCode, report }: Departure): string[] {
  const worker = `the worker at ${port}`;
  if (report === undefined) return [`${worker} gave no report, and ended with ${exitCode}`];
  const { requests, streams, verdict, revision } = report;
  const moved = streams.filter((each) => each.revision.start !== each.revision.end);
  return [
    ...(exitCode === 0 ? [] : [`${worker} ended with ${exitCode}`]),
    ...(verdict === "clean" ? [] : [`${worker} reports: ${verdict}`]),
    ...(moved.length === 0 ? [] : [`${worker} of ${revision} did not end ${moved.length} streams on their revision`]),
    ...unlike(`requests of ${worker}`, requests.atStart + requests.served, requests.finished + requests.gone),
  ];
}

/** A feed tells of the first effects, each once and in the order of the ledger. */
function wrongFeed(told: readonly string[], effects: readonly Effect[], feed: number): string[] {
  const at = told.findIndex((id, place) => effects[place]?.id !== id);
  return at === -1 ? [] : [`feed ${feed} told of ${told[at]} in place ${at + 1}, where the ledger has another effect`];
}

function unlike(what: string, reported: number, counted: number): string[] {
  return reported === counted ? [] : [`${what}: ${reported} are reported, ${counted} were counted`];
}
