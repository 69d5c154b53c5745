import type { SearchIndex } from "./search-index.js";
import type { Shelf } from "./shelf.js";

/** The index that a process says it has, of those on its shelf. */
export interface LiveIndex {
  /** For `pins({ read })`. */
  read(): { readonly indexHash: string };
  /** Says from now on that it is another one, which is on the shelf; settles when the old one has gone. `refresh`: that of `once.pins`. */
  replace(hash: string, refresh: () => Promise<unknown>): Promise<void>;
}

/** Begins with this one. */
export function createLiveIndex(shelf: Shelf, first: SearchIndex): LiveIndex {
  let live = first.hash;
  shelf.put(first);
  return {
    read: () => ({ indexHash: live }),
    async replace(hash, refresh) {
      const old = live;
      live = hash;
      await refresh();
      // From here on nobody is let in by the old one.
      await shelf.drop(old);
    },
  };
}
