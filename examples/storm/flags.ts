import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

/** What a storm is asked for. */
export interface Flags {
  /** How many payments are made. */
  readonly keys: number;
  /** How many of GitHub's example payloads are delivered. */
  readonly webhooks: number;
  /** How often each request is sent again. */
  readonly duplicates: number;
  /** The least time from one kill to the next, in milliseconds. */
  readonly killEveryMs: number;
  readonly seed: number;
  /** Where records are kept; absent: in an LMDB file. */
  readonly redis?: string;
}

/** What the command line says. */
export type Parsed =
  | { readonly outcome: "storm"; readonly flags: Flags }
  | { readonly outcome: "help" }
  | { readonly outcome: "wrong"; readonly message: string };

/** How many payloads `@octokit/webhooks-examples` holds. */
export const MAX_WEBHOOKS = 329;

export const HELP = `Payments and webhooks, sent again and again through crashes and a restart: does each take effect once?

  npm start -- [flags]

  --keys <n>          payments to make                            (600)
  --webhooks <n>      of GitHub's ${MAX_WEBHOOKS} example payloads             (${MAX_WEBHOOKS})
  --duplicates <n>    how often each of them is sent again        (4)
  --kill-every <ms>   least time from one kill to the next        (1500)
  --seed <n>          decides every choice that is made           (random, printed)
  --redis <url>       records in this Redis, such as redis://127.0.0.1:6379, and not in an LMDB file
  --help              this text

Ends with exit code 1 if an effect happened twice, an answer differed, a key got lost, a duplicate was no hit,
or a worker that was restarted cut a stream or lost a request; with 2 if it could not begin.`;

/** Reads the command line. */
export function parseFlags(args: readonly string[]): Parsed {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS, strict: true });
    if (values.help === true) return { outcome: "help" };
    return { outcome: "storm", flags: flagsOf(values) };
  } catch (error) {
    // Every complaint about the command line is a TypeError, parseArgs' own ones too.
    if (!(error instanceof TypeError)) throw error;
    return { outcome: "wrong", message: error.message.split(/\. |\n/)[0] ?? error.message };
  }
}

const OPTIONS = {
  keys: { type: "string" },
  webhooks: { type: "string" },
  duplicates: { type: "string" },
  "kill-every": { type: "string" },
  seed: { type: "string" },
  redis: { type: "string" },
  help: { type: "boolean" },
} as const;

type Values = { readonly [name in keyof typeof OPTIONS]?: string | boolean | undefined };

function flagsOf(values: Values): Flags {
  const flags = readEach(values);
  if (flags.keys + flags.webhooks > 0) return flags;
  throw new TypeError("--keys and --webhooks must not both be 0");
}

function readEach(values: Values): Flags {
  const redis = values.redis === undefined ? {} : { redis: redisUrl(String(values.redis)) };
  return {
    keys: whole(values, "keys", [0, 1_000_000], 600),
    webhooks: whole(values, "webhooks", [0, MAX_WEBHOOKS], MAX_WEBHOOKS),
    duplicates: whole(values, "duplicates", [1, 100], 4),
    killEveryMs: whole(values, "kill-every", [100, 3_600_000], 1500),
    seed: whole(values, "seed", [0, 2 ** 32 - 1], randomInt(1_000_000)),
    ...redis,
  };
}

function whole(
  values: Values,
  name: keyof Values,
  [least, most]: readonly [number, number],
  otherwise: number,
): number {
  const given = values[name];
  if (given === undefined) return otherwise;
  const value = /^\d+$/.test(String(given)) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new TypeError(`--${name} must be a whole number from ${least} to ${most}, got ${JSON.stringify(given)}`);
}

function redisUrl(given: string): string {
  const protocol = URL.canParse(given) ? new URL(given).protocol : "";
  if (protocol === "redis:" || protocol === "rediss:") return given;
  throw new TypeError(`--redis must be a URL such as redis://127.0.0.1:6379, got ${JSON.stringify(given)}`);
}
