const CAP_MS = 20_000;

/** Polls until `holds`; rejects with `what` after a cap, 20 seconds unless told, that no healthy server comes near. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, capMs = CAP_MS): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedMs > capMs) throw new Error(`waited in vain until ${what}`);
    await pause(2);
  }
}

/** Settles after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Something that is waited for until it is opened, once. */
export interface Latch {
  readonly opened: Promise<void>;
  open(): void;
}

/** A closed latch. */
export function latch(): Latch {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
