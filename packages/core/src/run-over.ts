import { createBell } from "./bell.js";
import { pauseMs } from "./decide.js";
import type { Flight } from "./flight.js";
import { ask, type Shell } from "./shell.js";
import type { StoreKey } from "./store.js";

/**
 * Resolves when the run of a key in another process seems to be over, or at `deadlineMs`. Nothing is missed: whoever
 * waits first asks to be told, then looks, and goes on looking at growing intervals. Never rejects.
 */
export async function runOver(shell: Shell, key: StoreKey, deadlineMs: number, flight: Flight): Promise<void> {
  const bell = createBell(shell.platform);
  let isToLook = false;
  const unwatch = await watch(shell, key, () => {
    isToLook = true;
    bell.ring();
  });
  // To be told of what happened before that is too much to ask of a store.
  if (unwatch !== undefined) isToLook = true;
  for (let looks = 0; ; looks += 1) {
    const leftMs = deadlineMs - shell.platform.monotonicMs();
    if (leftMs <= 0) break;
    if (!isToLook) await bell.rung(pauseMs(looks, leftMs));
    isToLook = false;
    flight.sign();
    const asked = await ask(shell, "read", key, (store) => store.read(key));
    // A failed look changes nothing here: the acquire that follows says what a store that is down leads to.
    if (asked.outcome === "failed" || asked.value.outcome !== "running") break;
  }
  unwatch?.();
}

async function watch(shell: Shell, key: StoreKey, changed: () => void): Promise<(() => void) | undefined> {
  const { store } = shell;
  if (store.watch === undefined) return undefined;
  const watch = store.watch.bind(store);
  const asked = await ask(shell, "watch", key, () => watch(key, changed));
  return asked.outcome === "answered" ? asked.value : undefined;
}
