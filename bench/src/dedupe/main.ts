/** `npm run bench:dedupe`: how many duplicates are deduplicated, class by class, and at the cost of how many effects. */

import { writeFile } from "node:fs/promises";
import { markdown, plain } from "../table.js";
import { type Flags, readFlags, USAGE } from "./flags.js";
import { circumstances, classTable, MEANING, runTable, verdict } from "./report.js";
import { type Result, run } from "./run.js";

/** What ends it early, with the exit code a shell would give. */
const SIGNALS = [
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

const flags = flagsOrMistake();
if (flags instanceof TypeError) {
  console.error(`${flags.message}\n\n${USAGE}`);
  process.exitCode = 2;
} else if (flags === "help") {
  console.log(USAGE);
} else {
  process.exitCode = await main(flags).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  });
}

function flagsOrMistake(): Flags | "help" | TypeError {
  try {
    return readFlags(process.argv.slice(2));
  } catch (error) {
    if (error instanceof TypeError) return error;
    throw error;
  }
}

async function main(flags: Flags): Promise<number> {
  const interrupt = new AbortController();
  let exitCode: number | undefined;
  for (const [name, code] of SIGNALS) {
    process.once(name, () => {
      exitCode = code;
      interrupt.abort();
    });
  }
  const results: Result[] = [];
  try {
    for (const store of flags.stores) results.push(await measure(store, flags, interrupt.signal));
  } catch (error) {
    if (exitCode === undefined) throw error;
    return exitCode;
  }
  if (flags.markdown !== undefined) {
    await writeFile(flags.markdown, report(results, flags));
    console.log(`\nwritten to ${flags.markdown}`);
  }
  return results.every(({ judgement }) => judgement.passed) ? 0 : 1;
}

async function measure(store: Flags["stores"][number], flags: Flags, signal: AbortSignal): Promise<Result> {
  const { duplicates, seed } = flags;
  console.error(`${store}: at least ${duplicates} duplicates in each class (--seed ${seed})`);
  const onRound = (counts: readonly number[]) => console.error(`  ${counts.join(" · ")}`);
  const result = await run(store, { duplicates, seed, signal, onRound });
  console.log(`\n${plain(classTable([result]))}\n${plain(runTable([result]))}\n${verdict(result)}`);
  return result;
}

function report(results: readonly Result[], { stores, duplicates, seed }: Flags): string {
  const command = `npm run bench:dedupe -- --store ${stores.join(",")} --duplicates ${duplicates} --seed ${seed}`;
  const tables = [classTable(results), runTable(results)].map(markdown).join("\n");
  const verdicts = results.map((result) => `    ${verdict(result).replaceAll("\n", "\n    ")}`).join("\n");
  return `# Dedupe hit rate\n\n${MEANING}\n\n${circumstances(command)}\n\n${tables}\n${verdicts}\n`;
}
