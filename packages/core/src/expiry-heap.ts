/** What a heap holds: it keeps `slot` up to date, so that an item can be moved or removed without a search. */
export interface Expiring {
  /** When it expires, in epoch milliseconds. */
  expiresMs: number;
  /** Its place in the heap; the heap's own. */
  slot: number;
}

/** Items by expiry, soonest first: a binary heap in an array, every change logarithmic and without allocation. */
export interface ExpiryHeap<T extends Expiring> {
  /** The item that expires soonest. */
  first(): T | undefined;
  add(item: T): void;
  /** Changes when an item expires. */
  move(item: T, expiresMs: number): void;
  remove(item: T): void;
  clear(): void;
}

/** Makes an empty heap. */
export function expiryHeap<T extends Expiring>(): ExpiryHeap<T> {
  let items: T[] = [];
  return {
    first: () => items[0],
    add(item) {
      siftUp(items, item, items.length);
    },
    move(item, expiresMs) {
      const sooner = expiresMs < item.expiresMs;
      item.expiresMs = expiresMs;
      if (sooner) siftUp(items, item, item.slot);
      else siftDown(items, item, item.slot);
    },
    remove(item) {
      const last = items.pop();
      if (last === undefined || last === item) return;
      siftUp(items, last, item.slot);
      siftDown(items, last, last.slot);
    },
    clear() {
      items = [];
    },
  };
}

/** Puts `item` at `slot` or as far above it as it expires sooner. */
function siftUp<T extends Expiring>(items: T[], item: T, slot: number): void {
  let free = slot;
  while (free > 0) {
    const above = (free - 1) >> 1;
    const parent = items[above];
    if (parent === undefined || parent.expiresMs <= item.expiresMs) break;
    place(items, parent, free);
    free = above;
  }
  place(items, item, free);
}

/** Puts `item` at `slot` or as far below it as it expires later. */
function siftDown<T extends Expiring>(items: T[], item: T, slot: number): void {
  let free = slot;
  for (;;) {
    const child = sooner(items[2 * free + 1], items[2 * free + 2]);
    if (child === undefined || child.expiresMs >= item.expiresMs) break;
    const { slot: below } = child;
    place(items, child, free);
    free = below;
  }
  place(items, item, free);
}

function sooner<T extends Expiring>(left: T | undefined, right: T | undefined): T | undefined {
  return left === undefined || right === undefined || left.expiresMs <= right.expiresMs ? left : right;
}

function place<T extends Expiring>(items: T[], item: T, slot: number): void {
  items[slot] = item;
  item.slot = slot;
}
