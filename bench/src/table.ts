import type { Measured } from "./measure.js";
import type { ContenderName, InProcessFigures } from "./protocol.js";
import { ratioOf, type Spread, spreadOf } from "./statistics.js";

/** A table, not yet laid out. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The figures that count: processor time of the server process, and its ratios within each round. */
export function cpuTable(measured: readonly Measured[]): Table {
  return {
    title: "Processor time of the server process per answered request: median (least–most) of the rounds",
    head: [
      "framework",
      "workload",
      "in flight",
      "bare µs",
      "floor µs",
      "onceover µs",
      "floor : bare",
      "onceover : bare",
      "onceover : floor",
    ],
    rows: measured.map(({ framework, workload, inFlight, figures: { bare, floor, onceover } }) => [
      framework,
      workload,
      String(inFlight),
      ...[bare, floor, onceover].map(({ cpuUs }) => show(spreadOf(cpuUs), 0)),
      show(ratioOf(floor.cpuUs, bare.cpuUs), 2),
      show(ratioOf(onceover.cpuUs, bare.cpuUs), 2),
      show(ratioOf(onceover.cpuUs, floor.cpuUs), 2),
    ]),
  };
}

/** A side note: these depend on how many cores there are for server, Redis and load generator, and who else is at work. */
export function wallTable(measured: readonly Measured[]): Table {
  const names: readonly ContenderName[] = ["bare", "floor", "onceover"];
  return {
    title: "Side note, wall clock: medians of the rounds",
    head: [
      "framework",
      "workload",
      "in flight",
      ...names.map((name) => `${name} answers/s`),
      ...names.map((name) => `${name} p50 ms`),
      "requests per answer: floor",
      "onceover",
    ],
    rows: measured.map(({ framework, workload, inFlight, figures }) => [
      framework,
      workload,
      String(inFlight),
      ...names.map((name) => spreadOf(figures[name].answersPerSecond).median.toFixed(0)),
      ...names.map((name) => spreadOf(figures[name].latencyMs).median.toFixed(2)),
      spreadOf(figures.floor.sentPerAnswer).median.toFixed(1),
      spreadOf(figures.onceover.sentPerAnswer).median.toFixed(1),
    ]),
  };
}

/** What core and the fetch wrapper cost without a server. */
export function inProcessTable(figures: InProcessFigures): Table {
  return {
    title: "Without a server, over memory: processor time per request; the floors keep their records in a Map",
    head: ["in process", "floor µs", "onceover µs", "onceover : floor"],
    rows: Object.entries(figures).map(([name, { onceover, floor }]) => [
      name,
      show(spreadOf(floor), 1),
      show(spreadOf(onceover), 1),
      show(ratioOf(onceover, floor), 1),
    ]),
  };
}

export function show({ median, least, most }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

/** Lays a table out for a terminal. */
export function plain({ title, head, rows }: Table): string {
  const widths = head.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  return [title, "", line(head), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line), ""].join("\n");
}

/** Lays a table out for a README. */
export function markdown({ title, head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = `|${head.map((_, at) => (at === 0 ? "---" : "--:")).join("|")}|`;
  return [`${title}:`, "", line(head), rule, ...rows.map(line), ""].join("\n");
}
