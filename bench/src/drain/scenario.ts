/** What a scenario is made of, and what its clients can come to. */

import type { Protocol, Wait } from "./contenders.js";
import type { RawAnswer } from "./raw-client.js";
import type { Site } from "./site.js";

/** How much of everything there is. */
export interface Sizes {
  readonly preconnected: number;
  readonly posts: number;
  readonly streams: number;
  readonly streamMs: number;
  readonly webSockets: number;
  readonly pipelines: number;
  readonly heads: number;
  /** Requests of the closed loop in all, and after how many of them SIGTERM comes. */
  readonly keepAlive: { readonly clients: number; readonly requests: number; readonly leaveAfter: number };
  readonly idle: number;
  readonly newcomers: number;
  /** Requests of the open loop in a second. */
  readonly perSecond: number;
  /** The two delays of a balancer. In milliseconds. */
  readonly lateMs: readonly [number, number];
  readonly lastPostMs: number;
  /** How soon after the last answer this library ends where nothing else is left. In milliseconds. */
  readonly soonMs: number;
  /** Whether nothing of it needs the machine for itself, which others use meanwhile. */
  readonly isSmall: boolean;
}

/** What one contender came to in one scenario. */
export interface Outcome {
  /** The cell of the table. */
  readonly text: string;
  /** In what it fell short of what this library promises; the others do not promise it. */
  readonly misses: readonly string[];
}

/** One row. */
export interface Scenario {
  readonly title: string;
  /** What is measured, in one sentence or two. */
  readonly measures: (sizes: Sizes) => string;
  readonly protocol: Protocol;
  /** Whether it needs the machine for itself. */
  readonly isHeavy: boolean;
  /** Where it is `below`, only those are measured that wait for balancers. */
  readonly wait: Wait;
  /** Whether a process is to end soon after the last answer: where all else is over by then. */
  readonly endsSoon: boolean;
  run(site: Site, sizes: Sizes): Promise<Outcome>;
}

/** What most rows have in common. */
export const USUAL = {
  protocol: "http1",
  isHeavy: false,
  wait: "above",
  endsSoon: false,
} as const;

/** The outcome of requests that are each to be answered. */
export function answeredOf(answers: readonly (RawAnswer | undefined)[]): Outcome {
  const good = answers.filter((answer) => answer?.status === 200).length;
  const unavailable = answers.filter((answer) => answer?.status === 503).length;
  return goodOf(good, answers.length, unavailable > 0 ? `${unavailable} × 503` : "");
}

/** The outcome of things that are each to go well. */
export function goodOf(good: number, total: number, remark = ""): Outcome {
  const text = `${figure(good)} of ${figure(total)}${remark === "" ? "" : `, ${remark}`}`;
  return { text, misses: good === total ? [] : [text] };
}

export function figure(count: number): string {
  return count.toLocaleString("en-US");
}

/** So many of whatever `make` makes. */
export function times<Made>(count: number, make: (at: number) => Made): Made[] {
  return Array.from({ length: count }, (_, at) => make(at));
}

/** Settles when all connections that were opened before are with the server: they are accepted in their order. */
export async function settled(site: Site): Promise<void> {
  const probe = await site.reach();
  probe.write("GET /quick HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
  if ((await probe.answer()) === undefined) throw new Error("a server that was not told to leave did not answer");
  probe.close();
}
