/** `npm run bench:drain`: what clients of a server that leaves get, with this library and with others. */

import { writeFile } from "node:fs/promises";
import { markdown } from "../table.js";
import { type Flags, readFlags, USAGE } from "./flags.js";
import { endTable, explanation, fateTable, hasPassed, verdict } from "./report.js";
import { type Measured, numberOf, run } from "./run.js";

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
  try {
    const measured = await run({ ...flags, signal: interrupt.signal, onMeasured: tell });
    return await report(measured, flags);
  } catch (error) {
    if (exitCode === undefined) throw error;
    return exitCode;
  }
}

function tell({ scenario, name, text, endedAfterMs, how }: Measured): void {
  console.error(`${numberOf(scenario)}. ${scenario.title}, ${name}: ${text}; ${Math.round(endedAfterMs)} ms, ${how}`);
}

async function report(measured: readonly Measured[], flags: Flags): Promise<number> {
  const tables = [fateTable(measured, flags), endTable(measured, flags)];
  const line = verdict(measured);
  console.log(`\n${tables.map(markdown).join("\n")}\n${line}`);
  if (flags.markdown !== undefined) {
    const command = ["npm run bench:drain", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])];
    const { before, after } = explanation(command.join(" "), flags);
    const page = [
      "# Leaving",
      before,
      tables.map(markdown).join("\n"),
      after,
      `    ${line.replaceAll("\n", "\n    ")}`,
    ];
    await writeFile(flags.markdown, `${page.join("\n\n")}\n`);
    console.log(`\nwritten to ${flags.markdown}`);
  }
  return hasPassed(measured) ? 0 : 1;
}
