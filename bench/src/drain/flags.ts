import { parseArgs } from "node:util";
import { CONTENDERS, type ContenderName } from "./contenders.js";
import type { Scenario, Sizes } from "./scenario.js";
import { SCENARIOS } from "./scenarios.js";
import { QUICK, WHOLE } from "./sizes.js";

/** What the bench was asked for. */
export interface Flags {
  readonly contenders: readonly ContenderName[];
  readonly scenarios: readonly Scenario[];
  readonly sizes: Sizes;
  readonly killOthersAfterMs: number | undefined;
  /** The file that the report is written to, if any. */
  readonly markdown: string | undefined;
}

/** Only a whole run writes it unasked. */
export const DEFAULT_FILE = "bench/DRAIN.md";
/** Others that wait without end are not waited for long. In milliseconds. */
const QUICK_KILL_MS = 5_000;
const QUICK_CONTENDERS = "onceover,server.close()";

export const USAGE = `Usage: npm run bench:drain -- [flags]

  --only A,B         contenders: ${CONTENDERS.join(", ")}
                     (all)
  --scenario N,M     rows of the table by their numbers, 1 to ${SCENARIOS.length}   (all)
  --quick            little of everything, and unless --only says otherwise this library and server.close()
                     alone: shows that the bench works
  --markdown FILE    where the report is written, too   (${DEFAULT_FILE} where all is measured; otherwise nowhere)
  --help             this text

Ends with exit code 1 where this library misses what it promises; with 2 if it could not begin.`;

const OPTIONS = {
  only: { type: "string" },
  scenario: { type: "string" },
  quick: { type: "boolean", default: false },
  markdown: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** Reads the command line. @throws {TypeError} that names the flag, its rule and the value. */
export function readFlags(args: readonly string[]): Flags | "help" {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) return "help";
  const { quick, only, scenario, markdown } = values;
  const isWhole = !quick && only === undefined && scenario === undefined;
  return {
    contenders: contenders(only ?? (quick ? QUICK_CONTENDERS : CONTENDERS.join(","))),
    scenarios: scenario === undefined ? SCENARIOS : rows(scenario),
    sizes: quick ? QUICK : WHOLE,
    killOthersAfterMs: quick ? QUICK_KILL_MS : undefined,
    markdown: markdown === undefined ? (isWhole ? DEFAULT_FILE : undefined) : file(markdown),
  };
}

function contenders(given: string): ContenderName[] {
  const wanted = given.split(",").map((name) => name.trim());
  const stranger = wanted.find((name) => !CONTENDERS.some((each) => each === name));
  if (stranger === undefined) return CONTENDERS.filter((name) => wanted.includes(name));
  throw new TypeError(`--only must be of ${CONTENDERS.join(", ")}, got ${JSON.stringify(stranger)}`);
}

function rows(given: string): Scenario[] {
  const wanted = given.split(",").map((number) => number.trim());
  const numbers = SCENARIOS.map((_, at) => String(at + 1));
  const stranger = wanted.find((number) => !numbers.includes(number));
  if (stranger === undefined) return SCENARIOS.filter((_, at) => wanted.includes(String(at + 1)));
  throw new TypeError(`--scenario must be of 1 to ${SCENARIOS.length}, got ${JSON.stringify(stranger)}`);
}

function file(given: string): string {
  if (given.endsWith(".md")) return given;
  throw new TypeError(`--markdown must be the path of a .md file, got ${JSON.stringify(given)}`);
}
