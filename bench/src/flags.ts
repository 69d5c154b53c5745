import { parseArgs } from "node:util";
import { FINGERPRINTS, type FingerprintName, FRAMEWORKS, type FrameworkName } from "./protocol.js";
import { WORKLOADS } from "./workload.js";

/** What can be measured alone. */
export const PARTS = [...WORKLOADS, "in process"] as const;

/** One of them. */
export type Part = (typeof PARTS)[number];

/** What the bench was asked for. */
export interface Flags {
  readonly rounds: number;
  /** Requests per window: one workload of one contender in one round. */
  readonly requests: number;
  /** Requests of each workload that each contender meets before anything is counted. */
  readonly warmUp: number;
  /** What onceover's mounts compare payloads by; the floor compares none. */
  readonly fingerprint: FingerprintName;
  readonly inFlight: readonly number[];
  readonly frameworks: readonly FrameworkName[];
  readonly only: ReadonlySet<Part>;
  readonly format: "plain" | "markdown";
}

export const USAGE = `Usage: npm run bench -- [flags]

  --rounds N       rounds, each of which meets every contender once (default 7)
  --requests N     requests per workload, contender and round (default 2000)
  --warm-up N      requests per workload and contender before anything is counted (default 20000)
  --in-flight N,M  requests in flight at a time (default 64,1)
  --fingerprint F  what onceover compares payloads by: request, or off, as the floor does (default request)
  --framework A,B  frameworks to measure on: ${FRAMEWORKS.join(", ")} (default all)
  --only A,B       parts to measure: ${PARTS.join(", ")}
  --markdown       print tables in Markdown
  --quick          two rounds of 60 requests: shows that the bench works, and nothing else`;

/** Reads the command line. @throws {TypeError} that names the flag, its rule and the value. */
export function readFlags(args: readonly string[]): Flags | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string" },
      requests: { type: "string" },
      "warm-up": { type: "string" },
      fingerprint: { type: "string", default: "request" },
      "in-flight": { type: "string", default: "64,1" },
      framework: { type: "string", default: FRAMEWORKS.join(",") },
      only: { type: "string", default: PARTS.join(",") },
      markdown: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    rounds: count("rounds", values.rounds ?? (values.quick ? "2" : "7")),
    requests: count("requests", values.requests ?? (values.quick ? "60" : "2000")),
    warmUp: count("warm-up", values["warm-up"] ?? (values.quick ? "60" : "20000")),
    fingerprint: oneOf("fingerprint", FINGERPRINTS, values.fingerprint),
    inFlight: values["in-flight"].split(",").map((value) => count("in-flight", value)),
    frameworks: oneOrMore("framework", FRAMEWORKS, values.framework),
    only: new Set(oneOrMore("only", PARTS, values.only)),
    format: values.markdown ? "markdown" : "plain",
  };
}

function count(flag: string, value: string): number {
  if (/^[1-9]\d{0,6}$/.test(value)) return Number(value);
  throw new TypeError(`--${flag} must be a positive whole number, got ${JSON.stringify(value)}`);
}

function oneOf<Name extends string>(flag: string, known: readonly Name[], given: string): Name {
  const [name, ...more] = oneOrMore(flag, known, given);
  if (name !== undefined && more.length === 0) return name;
  throw new TypeError(`--${flag} must be one of ${known.join(", ")}, got ${JSON.stringify(given)}`);
}

/** The known names among those that were given, in the order of the table. */
function oneOrMore<Name extends string>(flag: string, known: readonly Name[], given: string): Name[] {
  const wanted = given.split(",").map((name) => name.trim());
  const stranger = wanted.find((name) => !known.some((each) => each === name));
  if (stranger === undefined) return known.filter((name) => wanted.includes(name));
  throw new TypeError(`--${flag} must be of ${known.join(", ")}, got ${JSON.stringify(stranger)}`);
}
