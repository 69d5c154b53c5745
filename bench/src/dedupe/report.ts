import { availableParallelism } from "node:os";
import { sum } from "../../../examples/storm/tally.js";
import type { Table } from "../table.js";
import type { Row } from "./judgement.js";
import type { Result } from "./run.js";

/** What a run is made of, for whoever reads the figures. */
export const MEANING = `Two revisions of the payments service, two worker processes each, share one store and take turns behind HAProxy
(\`retry-on all-retryable-errors\`, POST and all). In each turn a burst of payments and webhooks begins, some clients time out, hang up or
break off, each request is sent again at several moments, and amid it a worker is killed or paused for longer than its lease.

A duplicate is a request sent again under its key, and tried again until it has a final answer; what HAProxy resends by itself is counted
apart. It is a hit if that answer is the first final answer of its key, byte for byte, and no further effect of the key stands in the
ledger that the effects write. Each duplicate is of one class, by what was seen:

- **after the answer**: sent when a client had the answer, and answered by the revision that ran.
- **concurrent**: sent when nobody had the answer yet.
- **after a crash**: the same, and the process that ran had been killed or paused, so that the outcome was unknown and \`recover\` asked the ledger.
- **across revisions**: sent when a client had the answer, and answered by the other revision.

The bound is that of Clopper and Pearson, one-sided, and takes duplicates for independent of each other. Duplicate effects and lost keys are
counted in each class that the key has duplicates in; unknown: keys whose outcome was unknown when a duplicate of the class asked, all
settled by \`recover\` or by the run itself.`;

/** The figures of each class on each store. */
export function classTable(results: readonly Result[]): Table {
  return {
    title: "Duplicates by class",
    head: ["store", "class", "duplicates", "hits", "rate", "95 % lower bound", "duplicate effects", "unknown", "lost"],
    rows: results.flatMap(({ store, judgement }) => judgement.rows.map((row) => cellsOf(store, row))),
  };
}

/** What it took to come to them. */
export function runTable(results: readonly Result[]): Table {
  return {
    title: "The runs",
    head: [
      "store",
      "keys",
      "requests",
      "kills",
      "pauses",
      "left by the client",
      "resent by HAProxy",
      "turns",
      "seconds",
    ],
    rows: results.map(({ store, judgement, tally, faults, resent, rounds, tookMs }) => [
      store,
      figure(judgement.keys),
      figure(tally.requests),
      figure(faults.filter(({ what }) => what === "killed").length),
      figure(faults.filter(({ what }) => what === "paused").length),
      figure(sum(tally.left)),
      figure(resent.retries),
      figure(rounds),
      (tookMs / 1000).toFixed(0),
    ]),
  };
}

/** Where and how it was measured. */
export function circumstances(command: string): string {
  return `\`${command}\`, Node ${process.versions.node} on ${process.platform}, ${availableParallelism()} cores.`;
}

const MOST_EVIDENCE = 5;

/** One line on each store, and what is wrong with the first few keys where something is. */
export function verdict({ store, judgement }: Result): string {
  const { passed, wanted, violations, leftUnknown, rows } = judgement;
  if (passed)
    return `PASSED on ${store}: every key took effect once, and at least 99.9 % of each class got the answer.`;
  const evidence = violations.slice(0, MOST_EVIDENCE).map(({ rule, detail }) => `  ${rule}: ${detail}`);
  const counts = rows.map(({ className, duplicates, hits }) => `${className} ${hits} of ${duplicates}`).join(", ");
  const rest = `${violations.length} violations, ${leftUnknown} records left unknown; hits: ${counts}, of at least ${wanted} each`;
  return [...evidence, `FAILED on ${store}: ${rest}.`].join("\n");
}

function cellsOf(store: string, row: Row): string[] {
  return [
    store,
    row.className,
    figure(row.duplicates),
    figure(row.hits),
    percent(row.duplicates === 0 ? 0 : row.hits / row.duplicates),
    percent(row.lowerBound),
    figure(row.duplicateEffects),
    figure(row.unknown),
    figure(row.lost),
  ];
}

/** Rounded down: nothing is said to be better than it is. */
function percent(share: number): string {
  return share === 1 ? "100 %" : `${(Math.floor(share * 100_000) / 1000).toFixed(3)} %`;
}

function figure(count: number): string {
  return count.toLocaleString("en-US");
}
