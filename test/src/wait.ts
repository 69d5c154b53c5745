/** Settles when `condition` holds; rejects with `what` after `capMs` (default 20000 milliseconds). */
export async function until(what: string, condition: () => Promise<boolean> | boolean, capMs = 20_000): Promise<void> {
  const end = performance.now() + capMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${capMs} ms in vain until ${what}`);
    await sleep(20);
  }
}

/** Settles after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
