import { availableParallelism } from "node:os";
import type { Table } from "../table.js";
import { type ContenderName, GRACE_MS, SETTINGS } from "./contenders.js";
import type { Flags } from "./flags.js";
import { type Measured, numberOf } from "./run.js";

/** What all cells have in common, for whoever reads them. */
const MEANING = `Each cell is one server in a process of its own on Node's HTTP, the same handlers in all of them. It is told to leave by SIGTERM, and has
${GRACE_MS / 1000} s; 2 s later it is killed. Clients speak to it over bare sockets, and know exactly what they got; what was carried out is what the
handlers wrote into a file. Clients hold on to their connections until the server ends them, and there is no second server that takes
what this one refuses: behind a balancer that knows of that server, a refused connection is tried there.`;

/** What the clients got. */
export function fateTable(all: readonly Measured[], { contenders }: Pick<Flags, "contenders">): Table {
  return {
    title: "What the clients got",
    head: ["scenario", ...contenders],
    rows: rowsOf(all, contenders, ({ text }) => text),
  };
}

/** How the processes ended. */
export function endTable(all: readonly Measured[], { contenders }: Pick<Flags, "contenders">): Table {
  return {
    title:
      "From the last byte of an answer, or from SIGTERM where none came after it, to the end of the process, and its exit code",
    head: ["ended", ...contenders],
    rows: rowsOf(all, contenders, ({ endedAfterMs, how }) => `${Math.round(endedAfterMs)} ms, ${how}`),
  };
}

function rowsOf(
  all: readonly Measured[],
  contenders: readonly ContenderName[],
  cell: (measured: Measured) => string,
): string[][] {
  const scenarios = [...new Set(all.map(({ scenario }) => scenario))].sort((a, b) => numberOf(a) - numberOf(b));
  return scenarios.map((scenario) => [
    `${numberOf(scenario)}. ${scenario.title}`,
    ...contenders.map((name) => {
      const measured = all.find((each) => each.scenario === scenario && each.name === name);
      return measured === undefined ? "n/a" : cell(measured);
    }),
  ]);
}

/** Whether this library kept what it promises in all that was measured. */
export function hasPassed(all: readonly Measured[]): boolean {
  return all.every(({ name, misses }) => name !== "onceover" || misses.length === 0);
}

/** What this library missed, a line each, and the last line that says whether it did. */
export function verdict(all: readonly Measured[]): string {
  const ours = all.filter(({ name }) => name === "onceover");
  const misses = ours.flatMap(({ scenario, misses }) =>
    misses.map((miss) => `  ${numberOf(scenario)}. ${scenario.title}: ${miss}`),
  );
  if (misses.length > 0) return [...misses, `FAILED: onceover missed ${misses.length} of what it promises.`].join("\n");
  return ours.length === 0
    ? "onceover was not measured."
    : `PASSED: onceover kept what it promises in ${ours.length} rows.`;
}

/** The words of the page that stand around its tables. */
export function explanation(command: string, { scenarios, sizes, contenders }: Flags) {
  const measures = scenarios.map(
    (scenario) => `${numberOf(scenario)}. **${scenario.title}**: ${scenario.measures(sizes)}`,
  );
  const settings = contenders.map((name) => `- **${name}**: ${SETTINGS[name]}.`);
  const circumstances = `\`${command}\`, Node ${process.versions.node} on ${process.platform}, ${availableParallelism()} cores.`;
  return {
    before: [MEANING, circumstances].join("\n\n"),
    after: ["What is measured:", measures.join("\n"), "How each is set up:", settings.join("\n")].join("\n\n"),
  };
}
