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

/**
 * The one-sided lower confidence bound of a proportion by Clopper and Pearson ("The use of confidence or fiducial limits
 * illustrated in the case of the binomial", Biometrika 26, 1934): the share p of hits for which `hits` or more of `trials`
 * happen with probability `alpha`. Never below the stated confidence; where all trials are hits it is alpha^(1/trials).
 */
export function lowerBound(hits: number, trials: number, alpha = 0.05): number {
  let [low, high] = [0, hits / Math.max(1, trials)];
  // Each step halves the distance: after 60 there is nothing left of it in a double.
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (chanceOfAtLeast(hits, trials, middle) < alpha) low = middle;
    else high = middle;
  }
  return low;
}

/** The chance of `least` or more hits in `trials`, each with chance `share`: the sum of the binomial terms, by way of their logarithms. */
function chanceOfAtLeast(least: number, trials: number, share: number): number {
  if (least === 0) return 1;
  if (share <= 0) return 0;
  if (share >= 1) return 1;
  // From the term of all hits downwards, each from the one above it.
  let term = trials * Math.log(share);
  let sum = Math.exp(term);
  for (let hits = trials; hits > least; hits--) {
    term += Math.log(hits / (trials - hits + 1)) + Math.log1p(-share) - Math.log(share);
    sum += Math.exp(term);
  }
  return sum;
}
