import { ask, type Shell } from "./shell.js";
import type { OwnerToken, StoreKey, Written } from "./store.js";

/** Pauses between tries to free a key: within a lease of default length, and once after it. */
const FREE_PAUSES_MS = [100, 400, 1600, 6400, 12_800];

/**
 * Frees a key in which nothing happened. Resolves after the first try; a store that is away is told in the background,
 * until it gives one of the `enough` answers. Never rejects.
 */
export async function giveBack(
  shell: Shell,
  key: StoreKey,
  token: OwnerToken,
  enough: readonly Written[],
): Promise<void> {
  const attempt = async () => {
    const asked = await ask(shell, "abandon", key, (store) => store.abandon(key, token));
    return asked.outcome === "answered" && enough.includes(asked.value) ? "done" : "again";
  };
  const leave = shell.background.enter({});
  if ((await attempt()) === "again") void shell.background.retry(FREE_PAUSES_MS, attempt);
  leave();
}
