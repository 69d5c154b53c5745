/** Something that happens once. */
export class Latch {
  #isOpen = false;
  #wake: (() => void) | undefined;
  #waiting: Promise<void> | undefined;

  open(): void {
    this.#isOpen = true;
    this.#wake?.();
  }

  /** Resolves when it has happened. A promise is made only for who asks. */
  opened(): Promise<void> {
    this.#waiting ??= new Promise((resolve) => {
      if (this.#isOpen) resolve();
      this.#wake = resolve;
    });
    return this.#waiting;
  }
}
