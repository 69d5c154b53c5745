import { type Environment, type Platform, platformOf } from "./platforms.js";

/** Says, in whole seconds, what the deployment has set: a process cannot see its own grace period. */
export const GRACE_VARIABLE = "TERMINATION_GRACE_PERIOD_SECONDS";

/** How long a platform waits between signal and kill. */
export interface Grace {
  /** What it is, or else what is usual; `undefined` where nobody is known to kill. */
  readonly ms: number | undefined;
  /** What it cannot be longer than; `undefined` where that is not known. */
  readonly mostMs: number | undefined;
  readonly platform: Platform | undefined;
  /** What could not be taken as it was. */
  readonly warnings: readonly string[];
}

/** Reads the grace period of the deployment, or takes the platform's usual one. Never throws. */
export function graceOf(environment: Environment): Grace {
  const platform = platformOf(environment);
  const told = environment[GRACE_VARIABLE]?.trim() ?? "";
  const longestMs = platform?.longestGraceMs;
  const usual = { ms: platform?.graceMs, mostMs: longestMs, platform, warnings: [] };
  if (told === "") return usual;
  if (!/^\d{1,6}$/.test(told) || Number(told) === 0) return { ...usual, warnings: [unreadable(told, usual)] };
  const toldMs = Number(told) * 1_000;
  if (longestMs === undefined || toldMs <= longestMs) return { ...usual, ms: toldMs, mostMs: toldMs };
  const tooLong = `${GRACE_VARIABLE} is ${Number(told)}, but ${platform?.title} never waits longer than ${longestMs / 1_000} s`;
  return { ...usual, ms: longestMs, warnings: [`${tooLong}: that is what counts.`] };
}

function unreadable(told: string, { ms, platform }: Pick<Grace, "ms" | "platform">): string {
  const shown = JSON.stringify(told.slice(0, 40));
  const taken =
    ms === undefined ? "it is taken as not set" : `${ms / 1_000} s are taken, as is usual on ${platform?.title}`;
  return `${GRACE_VARIABLE} must be a whole number of seconds from 1 to 999999, got ${shown}: ${taken}.`;
}

/** Who kills, and when, as the reason in a sentence. */
export function reasonOf({ platform }: Grace, graceMs: number): string {
  return `${platform?.title ?? "the platform"} kills ${graceMs / 1_000} s after the signal`;
}

/** What to do for a longer grace period, as the end of a sentence. */
export function mendOf({ platform }: Grace, neededMs: number): string {
  const { setting, longestGraceMs = Number.POSITIVE_INFINITY, title } = platform ?? {};
  if (platform !== undefined && setting === undefined) {
    return `${title} cannot be told to wait longer, so keep streams short, or able to be taken up elsewhere`;
  }
  const both = `${setting ?? "its grace period"}, and the variable ${GRACE_VARIABLE} with it,`;
  if (neededMs > longestGraceMs) return `set ${both} to ${longestGraceMs / 1_000}, the most there is`;
  return `set ${both} to ${Math.ceil(neededMs / 1_000)} or more`;
}
