/** What a search through schedules found, and how it is told. */

import { replay, retryAndJudge } from "./schedule.js";
import { FAULTS, type Settings, type World } from "./world.js";

/** What a search found. */
export interface Found {
  schedules: number;
  steps: number;
  states: number;
  readonly counts: Map<string, number>;
  failure: Failure | undefined;
}

/** A schedule that broke a rule, and how to run it again. */
export interface Failure {
  readonly settings: Settings;
  readonly numbers: readonly number[];
  readonly broken: readonly string[];
}

/** Nothing yet. */
export function nothingFound(): Found {
  return { schedules: 0, steps: 0, states: 0, counts: new Map(), failure: undefined };
}

/** Adds a schedule to what was found. */
export function tally(found: Found, world: World): void {
  found.schedules += 1;
  for (const [what, times] of world.counts) found.counts.set(what, (found.counts.get(what) ?? 0) + times);
}

/** What was found, in a line. */
export function tellFound(what: string, { schedules, states, steps, counts, failure }: Found, sinceMs: number): string {
  const faults = FAULTS.map((fault) => `${fault} ${counts.get(fault) ?? 0}`).join(", ");
  const seconds = Math.round((performance.now() - sinceMs) / 1000);
  const reached = states === 0 ? "" : `, ${states} states`;
  const violations = failure === undefined ? 0 : 1;
  return `explorer: ${what}: ${schedules} schedules${reached}, ${steps} steps, ${seconds} s | ${faults} | violations ${violations}`;
}

/** A failure as a person reads it: what was set, each choice, what the ledger holds and what broke. */
export async function describeFailure({ settings, numbers, broken }: Failure): Promise<string> {
  const lines: string[] = [];
  const world = await replay(settings, numbers, (what) => lines.push(what));
  const { createOnceoverOn: _, rules: __, ...shown } = settings;
  await retryAndJudge(world);
  return [
    ...broken.map((line) => `broken: ${line}`),
    `settings: ${JSON.stringify(shown)}`,
    `choices: ${numbers.join(" ")}`,
    ...lines.map((line, index) => `  ${index + 1}. ${line}`),
    "answers:",
    ...world.sent.map(
      ({ id, scope, payload, process, answer }) =>
        `  ${id} (${scope}, ${payload}) by ${process.id}: ${answer?.status} ${answer?.body}`,
    ),
    "ledger:",
    ...world.ledger.effects.map(
      ({ id, scope, payload, request }) => `  ${id} of ${scope}, ${payload}, made by ${request}`,
    ),
  ].join("\n");
}
