/**
 * How the time a platform gives is shared out. Pure arithmetic, and total: every environment gives a plan, whose warnings say
 * what did not fit and what to set.
 */

import { check, type Rule, type Rules } from "../check-options.js";
import { show } from "../show.js";
import { type Grace, graceOf, mendOf, reasonOf } from "./grace.js";
import type { DrainTimes } from "./machine.js";
import type { Environment, PlatformName } from "./platforms.js";

/** What is wished of a drain, in whole milliseconds. What does not fit is shortened, with a warning. */
export interface DrainWishes {
  /** From the signal to the end; at most what the platform is certain to give. @default the grace period less `marginMs`; 120000 where none is known */
  readonly budgetMs?: number | undefined;
  /** The longest the hold may last. @default 15000 */
  readonly holdMs?: number | undefined;
  /** The hold ends when nobody has come for so long; at most `holdMs`. @default 2000 */
  readonly quietMs?: number | undefined;
  /** What finite streams and slow requests have at least between hold and farewell; they get whatever is left. @default 60000 */
  readonly drainMs?: number | undefined;
  /** What the farewell may take. @default 5000 */
  readonly farewellMs?: number | undefined;
  /** How long connections that have just become idle are kept; at most half of `farewellMs`. @default 200 */
  readonly lingerMs?: number | undefined;
  /** Over how long endless streams are sent away; at most a quarter of the drain. @default 5000 */
  readonly spreadMs?: number | undefined;
  /** What is kept of the grace period for hooks and the exit. @default 2000, and at most a fifth of the grace period */
  readonly marginMs?: number | undefined;
}

/** The times of a drain, and how they came about. */
export interface DrainPlan extends DrainTimes {
  /** Endless streams are told to come again one after the other over so long, so that they do not all come at once. */
  readonly spreadMs: number;
  readonly platform: PlatformName;
  /** What the platform tells a process to leave by. */
  readonly signal: "SIGTERM" | "SIGINT";
  /** What was shortened or could not be read, a sentence each, with what to set. */
  readonly warnings: readonly string[];
}

const DEFAULTS = { holdMs: 15_000, quietMs: 2_000, drainMs: 60_000, farewellMs: 5_000, lingerMs: 200 };
const BUDGET_MS = 120_000;
const SPREAD_MS = 5_000;
const MARGIN_MS = 2_000;
const LEAST_HOLD_MS = 1_000;
const LEAST_BUDGET_MS = 100;
/** No timer counts further. */
const LONGEST_MS = 2_147_483_647;

const isTime = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= LONGEST_MS;
const TIME: Rule = [isTime, `must be a whole number of milliseconds from 1 to ${LONGEST_MS}`];
const RULES: Rules = {
  budgetMs: [
    (value) => isTime(value) && Number(value) >= LEAST_BUDGET_MS,
    `must be a whole number of milliseconds from ${LEAST_BUDGET_MS} to ${LONGEST_MS}`,
  ],
  holdMs: TIME,
  quietMs: TIME,
  drainMs: TIME,
  farewellMs: TIME,
  lingerMs: TIME,
  spreadMs: TIME,
  marginMs: TIME,
};

/** The shares of a budget; the drain's is what hold and farewell leave. */
interface Shares extends DrainTimes {
  readonly drainMs: number;
  readonly spreadMs: number;
}

type Wished = typeof DEFAULTS & { readonly [Name in keyof DrainWishes]: number };

/**
 * Shares out the time there is between signal and kill: the hold is shortened first, then the drain, then the farewell.
 * @throws {TypeError} that names a wish, its rule and the value; of what stands in the environment there is a warning at most.
 */
export function planDrain(environment: Environment, wishes: DrainWishes = {}): DrainPlan {
  if (typeof environment !== "object" || environment === null) {
    throw new TypeError(`environment must be an object of variables, got ${show(environment)}`);
  }
  check("planDrain", RULES, wishes);
  const wished = completed(wishes);
  const grace = graceOf(environment);
  const marginMs = marginOf(grace, wished);
  const budgetMs = budgetOf(grace, wished, marginMs);
  const shares = share(budgetMs, wished);
  const { drainMs, ...times } = shares;
  const sentences = shortenings({ ...shares, marginMs }, wished).map((one) => sentenceOf(one, grace, wished, budgetMs));
  const warnings = [...grace.warnings, ...sentences];
  return { ...times, platform: grace.platform?.name ?? "none", signal: grace.platform?.signal ?? "SIGTERM", warnings };
}

/** @throws {TypeError} where two wishes contradict each other; a default gives way. */
function completed(wishes: DrainWishes): Wished {
  const entries = Object.entries(wishes).filter((entry): entry is [string, number] => entry[1] !== undefined);
  const given: { readonly [Name in keyof DrainWishes]: number } = Object.fromEntries(entries);
  const { quietMs, lingerMs, ...others } = { ...DEFAULTS, ...given };
  const longestLingerMs = Math.ceil(others.farewellMs / 2);
  const { holdMs } = others;
  if ((given.quietMs ?? 0) > holdMs) throw new TypeError(`quietMs must be at most holdMs, ${holdMs}, got ${quietMs}`);
  if ((given.lingerMs ?? 0) > longestLingerMs) {
    throw new TypeError(`lingerMs must be at most half of farewellMs, ${longestLingerMs}, got ${lingerMs}`);
  }
  return { ...others, quietMs: Math.min(quietMs, holdMs), lingerMs: Math.min(lingerMs, longestLingerMs) };
}

/** The grace period that counts: where a budget was wished for, only what is certain does. */
function limitOf({ ms, mostMs }: Grace, { budgetMs }: Wished): number | undefined {
  return budgetMs === undefined ? ms : mostMs;
}

function marginOf(grace: Grace, wished: Wished): number {
  const graceMs = limitOf(grace, wished);
  if (graceMs === undefined) return wished.marginMs ?? 0;
  return wished.marginMs === undefined
    ? Math.min(MARGIN_MS, Math.floor(graceMs / 5))
    : Math.min(wished.marginMs, Math.floor(graceMs / 2));
}

function budgetOf(grace: Grace, wished: Wished, marginMs: number): number {
  const limitMs = limitOf(grace, wished);
  if (limitMs !== undefined) return Math.min(wished.budgetMs ?? LONGEST_MS, limitMs - marginMs);
  return wished.budgetMs ?? Math.min(LONGEST_MS, Math.max(BUDGET_MS, neededMs(wished)));
}

function neededMs({ holdMs, drainMs, farewellMs, spreadMs = 0, budgetMs = 0 }: Wished): number {
  return Math.max(budgetMs, holdMs + Math.max(drainMs, 4 * spreadMs) + farewellMs);
}

/**
 * The hold keeps an eighth of the budget, and a second where that is no more than a quarter: balancers need some time to
 * notice. The drain keeps half, as far as it is wished for. Nothing becomes shorter where there is more time.
 */
function share(budgetMs: number, wished: Wished): Shares {
  // Halves, quarters and eighths of it are whole.
  const evenMs = budgetMs - (budgetMs % 8);
  const leastHoldMs = Math.min(wished.holdMs, Math.max(Math.min(LEAST_HOLD_MS, evenMs / 4), evenMs / 8));
  const leastDrainMs = Math.min(wished.drainMs, evenMs / 2);
  const farewellMs = Math.min(wished.farewellMs, evenMs - leastHoldMs - leastDrainMs);
  const holdMs = Math.min(wished.holdMs, Math.max(leastHoldMs, evenMs - wished.drainMs - farewellMs));
  const quarterMs = Math.ceil((evenMs - holdMs - farewellMs) / 4);
  return {
    budgetMs,
    holdMs,
    quietMs: Math.min(wished.quietMs, holdMs),
    drainMs: budgetMs - holdMs - farewellMs,
    farewellMs,
    lingerMs: Math.min(wished.lingerMs, Math.ceil(farewellMs / 2)),
    spreadMs: Math.min(wished.spreadMs ?? SPREAD_MS, quarterMs),
  };
}

interface Shortening {
  readonly name: string;
  readonly wishedMs: number;
  readonly gotMs: number;
}

/** What is shorter than it was wished. How streams are spread follows from the rest, unless it was said. */
function shortenings(got: Shares & { readonly marginMs: number }, wished: Wished): readonly Shortening[] {
  const { budgetMs = 0, spreadMs = 0, marginMs = 0, ...others } = wished;
  const all = { budgetMs, ...others, spreadMs, marginMs };
  const names = ["budgetMs", "holdMs", "quietMs", "drainMs", "farewellMs", "lingerMs", "spreadMs", "marginMs"] as const;
  return names
    .map((name) => ({ name, wishedMs: all[name], gotMs: got[name] }))
    .filter(({ wishedMs, gotMs }) => gotMs < wishedMs);
}

/** Says what was shortened, by whom, and what to do. */
function sentenceOf({ name, wishedMs, gotMs }: Shortening, grace: Grace, wished: Wished, budgetMs: number): string {
  const graceMs = limitOf(grace, wished);
  const isWished = budgetMs === wished.budgetMs && name !== "marginMs";
  const needed = neededMs(wished);
  const reason = isWished || graceMs === undefined ? `budgetMs is ${budgetMs}` : reasonOf(grace, graceMs);
  const mend = isWished ? `set it to ${needed} or more` : mendOf(grace, needed + (wished.marginMs ?? MARGIN_MS));
  return `${name} is ${gotMs}, not ${wishedMs}, because ${reason}; ${mend}.`;
}
