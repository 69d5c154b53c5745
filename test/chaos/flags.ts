import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { TARGETS, type TargetName } from "./targets.js";

/** What chaos is asked for. */
export interface Flags {
  readonly stores: readonly TargetName[];
  /** How long faults come, in each store. */
  readonly seconds: number;
  readonly seed: number;
}

/** What the command line says. */
export type Parsed =
  | { readonly outcome: "chaos"; readonly flags: Flags }
  | { readonly outcome: "help" }
  | { readonly outcome: "wrong"; readonly message: string };

const NAMES = Object.keys(TARGETS) as TargetName[];
const MAX_SEED = 2 ** 32 - 1;

export const HELP = `Three workers share a store, and every 350 ms one of them, the line or the store itself fails: does each key take effect once?

  npm run chaos -- [flags]

  --store <name>      ${NAMES.join(", ")} or all; may be given again  (all)
  --seconds <n>       how long faults come, in each store  (25)
  --seed <n>          decides faults, keys and clients, though not how they fall together  (random, printed)
  --help              this text

Ends with exit code 1 if a rule was broken: an effect happened twice or for nobody, an answer differed, was about
nothing or about somebody else, a key got lost, or an outcome was unknown without a fault; with 2 if it could not begin.`;

/** Reads the command line. */
export function parseFlags(args: readonly string[]): Parsed {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS, strict: true });
    if (values.help === true) return { outcome: "help" };
    const seconds = whole("seconds", values.seconds ?? "25", 3600);
    const seed = whole("seed", values.seed ?? String(randomInt(1_000_000)), MAX_SEED);
    return { outcome: "chaos", flags: { stores: storesNamed(values.store ?? ["all"]), seconds, seed } };
  } catch (error) {
    // Every complaint about the command line is a TypeError, parseArgs' own ones too.
    if (!(error instanceof TypeError)) throw error;
    return { outcome: "wrong", message: error.message.split(/\. |\n/)[0] ?? error.message };
  }
}

const OPTIONS = {
  store: { type: "string", multiple: true },
  seconds: { type: "string" },
  seed: { type: "string" },
  help: { type: "boolean" },
} as const;

function storesNamed(given: readonly string[]): TargetName[] {
  if (given.includes("all")) return NAMES;
  return given.map((name) => {
    const known = NAMES.find((each) => each === name);
    if (known !== undefined) return known;
    throw new TypeError(`--store must be one of ${NAMES.join(", ")} or all, got ${JSON.stringify(name)}`);
  });
}

function whole(name: string, given: string, most: number): number {
  const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (value >= 0 && value <= most) return value;
  throw new TypeError(`--${name} must be a whole number from 0 to ${most}, got ${JSON.stringify(given)}`);
}
