import type { PartitionFigures } from "./partition.js";

/** The figures of each tier, one line each. */
export function describeFigures(tiers: Readonly<Record<string, PartitionFigures>>): string {
  return Object.entries(tiers)
    .map(([tier, figures]) => `${tier}: ${inWords(figures)}`)
    .join("\n");
}

function inWords({ keys, acceptedByMinority, acceptedByMajority, duplicates, unknown }: PartitionFigures): string {
  return [
    `of ${keys} keys sent on both sides, ${acceptedByMinority} were accepted by the one that was cut off`,
    `${acceptedByMajority} by the other one`,
    `${duplicates} took effect twice`,
    `${unknown} unknown`,
  ].join(", ");
}
