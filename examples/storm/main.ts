/** `npm start`: a storm of duplicates, crashes and pauses over the payments service. */

import { HELP, parseFlags } from "./flags.js";
import { showProgress } from "./progress.js";
import { makePlaces } from "./records.js";
import { hasPassed, opening, table, verdict } from "./report.js";
import { type Standing, startStorm } from "./storm.js";

/** What ends it early, with the exit code a shell would give. */
const SIGNALS = [
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

const parsed = parseFlags(process.argv.slice(2));
switch (parsed.outcome) {
  case "help":
    console.log(HELP);
    break;
  case "wrong":
    console.error(`${parsed.message} (--help lists the flags)`);
    process.exitCode = 2;
    break;
  case "storm":
    process.exitCode = await main(parsed.flags).catch((error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      return 2;
    });
    break;
  // no default
}

async function main(flags: Parameters<typeof startStorm>[0]): Promise<number> {
  const interrupt = new AbortController();
  let exitCode = 0;
  const breakOff = (code: number) => {
    exitCode = code;
    interrupt.abort();
  };
  for (const [name, code] of SIGNALS) process.once(name, () => breakOff(code));
  // Whoever read the output has left, as `head` does.
  process.stdout.on("error", () => breakOff(141));
  const places = await makePlaces(flags.redis);
  try {
    const storm = await startStorm(flags, places, interrupt.signal);
    console.log(opening(flags, storm.builds, places.store));
    const hide = showProgress(storm.standing);
    const standing = await storm.over.finally(hide);
    console.log(`\n${table(standing)}\n`);
    if (interrupt.signal.aborted) return interrupted(standing, exitCode);
    console.log(verdict(standing));
    return hasPassed(standing) ? 0 : 1;
  } finally {
    await places.remove();
  }
}

/** Keys that were on their way have no answer yet, and that is nobody's fault. */
function interrupted({ judgement }: Standing, exitCode: number): number {
  const duplicateEffects = judgement.broken["one-effect-per-key"];
  console.log(`INTERRUPTED: ${duplicateEffects} duplicate effects so far.`);
  return duplicateEffects > 0 ? 1 : exitCode;
}
