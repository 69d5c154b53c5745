/** The middle of some figures, and between which bounds all of them lie. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** The spread of at least one figure. */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1] ?? Number.NaN, sorted[Math.floor(middle)] ?? Number.NaN];
  return { median: (low + high) / 2, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN };
}

/** Divides figure by figure: what was measured one after the other shared the machine's mood. */
export function ratioOf(figures: readonly number[], bases: readonly number[]): Spread {
  return spreadOf(figures.map((figure, at) => figure / (bases[at] ?? Number.NaN)));
}
