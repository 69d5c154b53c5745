/** Counts the runs that a fault found at work: only they may have an outcome that nobody knows. */
export interface Claims {
  /** Hears a note of a worker. */
  hear(worker: number, note: string): void;
  /** A worker began anew: what its last process had claimed is no longer its own. */
  forget(worker: number): void;
  /** Something of these workers fails; call it when it begins and when it ends. */
  struck(workers: readonly number[]): void;
  /** How many runs were in flight at a fault, so far. */
  struckCount(): number;
}

/** Nothing is claimed yet. */
export function createClaims(workers: number): Claims {
  const open = Array.from({ length: workers }, () => new Set<string>());
  const struckOnes = new Set<string>();
  const strike = (worker: number) => {
    for (const token of open[worker] ?? []) struckOnes.add(token);
  };
  return {
    hear(worker, note) {
      const [what, token = ""] = note.split(" ");
      if (what === "claim") open[worker]?.add(token);
      else open[worker]?.delete(token);
    },
    forget(worker) {
      strike(worker);
      open[worker]?.clear();
    },
    struck: (which) => which.forEach(strike),
    struckCount: () => struckOnes.size,
  };
}
