/** Something that happens once. */
export interface Latch {
  open(): void;
  /** Resolves when it has happened. A promise is made only for who asks. */
  opened(): Promise<void>;
}

/** A latch that is still closed. */
export function createLatch(): Latch {
  let isOpen = false;
  let wake: (() => void) | undefined;
  let waiting: Promise<void> | undefined;
  return {
    open() {
      isOpen = true;
      wake?.();
    },
    opened() {
      waiting ??= isOpen
        ? Promise.resolve()
        : new Promise((resolve) => {
            wake = resolve;
          });
      return waiting;
    },
  };
}
