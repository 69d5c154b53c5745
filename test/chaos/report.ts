import { countBroken, RULES, type RuleName } from "@onceover/test/history";
import type { Outcome } from "./chaos.js";
import { FAULT_NAMES } from "./faults.js";

/** Whether a store kept its promise: nothing is wrong, no process ended by itself, and what is unknown is so by a fault, listed and settled. */
export function hasPassed({ violations, unknown, inFlight, listed, settled, crashes }: Outcome): boolean {
  return violations.length === 0 && unknown <= inFlight && listed === settled && crashes === 0;
}

const COLUMNS = ["store", "keys", "faults", "duplicate effects", "unknown", "divergent", "without effect", "lost"];

/** The names of the columns of `row`. */
export const HEADING = line(COLUMNS);

/** One store in one row; below it the faults by kind, and what its unknown outcomes came to. */
export function row(outcome: Outcome): string {
  const { store, keys, faults, unknown, inFlight, listed, settled, violations } = outcome;
  const broken = countBroken(violations);
  const divergent = broken["final-answers-equal"] + broken["answer-is-ones-own"] + broken["no-foreign-byte"];
  const lost = broken["key-is-settled"] + broken["request-is-answered"];
  const total = [...faults.values()].reduce((sum, each) => sum + each, 0);
  const cells = [
    keys,
    total,
    broken["one-effect-per-key"],
    unknown,
    divergent,
    broken["no-answer-without-effect"],
    lost,
  ];
  const kinds = FAULT_NAMES.flatMap((fault) => (faults.has(fault) ? [`${fault} ${faults.get(fault)}`] : []));
  return [
    line([store, ...cells.map(String)]),
    `    ${kinds.join(" · ")}`,
    `    unknown ${unknown} of ${inFlight} runs in flight at a fault; after healing ${listed} listed, ${settled} of them settled`,
  ].join("\n");
}

/** The last line; before it, of each store where something is wrong, the first few things that are. */
export function verdict(outcomes: readonly Outcome[]): string {
  const failed = outcomes.filter((outcome) => !hasPassed(outcome));
  if (failed.length === 0) return "PASSED: every key took effect once, through every fault.";
  return [...failed.flatMap(evidence), `FAILED: ${failed.map(({ store }) => store).join(", ")}.`].join("\n");
}

const MOST_EVIDENCE = 8;

function evidence({ store, seed, violations, unknown, inFlight, listed, settled, crashes }: Outcome): string[] {
  const broken = countBroken(violations);
  const rules = (Object.keys(RULES) as RuleName[]).filter((rule) => broken[rule] > 0);
  return [
    `${store} (--store ${store} --seed ${seed}):`,
    ...rules.map((rule) => `  ${broken[rule]} ${RULES[rule]}`),
    ...(unknown > inFlight
      ? [`  ${unknown} unknown outcomes, and only ${inFlight} runs were in flight at a fault`]
      : []),
    ...(listed > settled ? [`  ${listed - settled} unknown outcomes that were listed are not settled`] : []),
    ...(crashes > 0 ? [`  ${crashes} workers ended though nobody killed them`] : []),
    ...violations.slice(0, MOST_EVIDENCE).map(({ rule, detail }) => `  ${rule}: ${detail}`),
  ];
}

function line([store = "", ...cells]: readonly string[]): string {
  return `${store.padEnd(15)}${cells.map((cell, at) => cell.padStart((COLUMNS[at + 1]?.length ?? 0) + 3)).join("")}`;
}
