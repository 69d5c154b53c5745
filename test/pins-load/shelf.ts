import type { SearchIndex } from "./search-index.js";

/** The indexes that a process has loaded. */
export interface Shelf {
  put(index: SearchIndex): void;
  /** An index for as long as it is not given back; `undefined` where it is not here, or not any more. */
  lend(hash: string | undefined): Loan | undefined;
  /** Takes an index away when nobody has it; settles then. */
  drop(hash: string): Promise<void>;
  hashes(): string[];
}

/** An index that is used. */
export interface Loan {
  readonly index: SearchIndex;
  /** Once. */
  giveBack(): void;
}

interface Place {
  readonly index: SearchIndex;
  loans: number;
  leave?: () => void;
}

/** Nothing is on it yet. */
export function createShelf(): Shelf {
  const places = new Map<string, Place>();

  function leaveIfFree(place: Place): void {
    if (place.leave === undefined || place.loans > 0) return;
    places.delete(place.index.hash);
    place.leave();
  }

  return {
    put: (index) => void places.set(index.hash, { index, loans: 0 }),
    lend(hash = "") {
      const place = places.get(hash);
      if (place === undefined) return undefined;
      place.loans += 1;
      const giveBack = () => {
        place.loans -= 1;
        leaveIfFree(place);
      };
      return { index: place.index, giveBack };
    },
    drop(hash) {
      return new Promise((resolve) => {
        const place = places.get(hash);
        if (place === undefined) return resolve();
        place.leave = resolve;
        leaveIfFree(place);
      });
    },
    hashes: () => [...places.keys()],
  };
}
