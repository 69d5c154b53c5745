import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

/** The stores that records can be kept in, in the order of the report. */
export const STORES = ["lmdb", "redis", "postgres"] as const;

/** One of them. */
export type StoreName = (typeof STORES)[number];

/** What the benchmark was asked for. */
export interface Flags {
  readonly stores: readonly StoreName[];
  /** How many duplicates there must be in each class, on each store. */
  readonly duplicates: number;
  readonly seed: number;
  /** The file that the report is written to, if any. */
  readonly markdown: string | undefined;
}

/** What the README quotes: only a whole run writes it unasked. */
export const DEFAULT_FILE = "bench/DEDUPE.md";
const WHOLE_RUN = 3000;

export const USAGE = `Usage: npm run bench:dedupe -- [flags]

  --store A,B        where records are kept: ${STORES.join(", ")}   (all, one after the other)
  --duplicates N     duplicates in each class, at least               (3000)
  --seed N           decides every choice that is made                (random, printed)
  --markdown FILE    where the report is written, too                 (${DEFAULT_FILE}, for all stores and
                     ${WHOLE_RUN} duplicates or more; otherwise nowhere)
  --help             this text

Ends with exit code 1 if an effect happened twice, a key got lost, an answer differed or fewer than 99.9 % of the
duplicates of a class were hits; with 2 if it could not begin.`;

const OPTIONS = {
  store: { type: "string", default: STORES.join(",") },
  duplicates: { type: "string", default: String(WHOLE_RUN) },
  seed: { type: "string" },
  markdown: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** Reads the command line. @throws {TypeError} that names the flag, its rule and the value. */
export function readFlags(args: readonly string[]): Flags | "help" {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) return "help";
  const wanted = stores(values.store);
  const duplicates = whole("duplicates", [1, 100_000], values.duplicates);
  const isWhole = wanted.length === STORES.length && duplicates >= WHOLE_RUN;
  return {
    stores: wanted,
    duplicates,
    seed: whole("seed", [0, 2 ** 32 - 1], values.seed ?? String(randomInt(1_000_000))),
    markdown: values.markdown === undefined ? (isWhole ? DEFAULT_FILE : undefined) : file(values.markdown),
  };
}

function stores(given: string): StoreName[] {
  const wanted = given.split(",").map((name) => name.trim());
  const stranger = wanted.find((name) => !STORES.some((store) => store === name));
  if (stranger === undefined) return STORES.filter((store) => wanted.includes(store));
  throw new TypeError(`--store must be of ${STORES.join(", ")}, got ${JSON.stringify(stranger)}`);
}

function whole(flag: string, [least, most]: readonly [number, number], given: string): number {
  const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new TypeError(`--${flag} must be a whole number from ${least} to ${most}, got ${JSON.stringify(given)}`);
}

function file(given: string): string {
  if (given.endsWith(".md")) return given;
  throw new TypeError(`--markdown must be the path of a .md file, got ${JSON.stringify(given)}`);
}
