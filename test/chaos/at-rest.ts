/** What a store says when nothing fails any more. */

import { createHash } from "node:crypto";
import type { Found, Store, StoreKey } from "@onceover/core";
import type { HistoryKey } from "@onceover/test/history";
import { sleep } from "@onceover/test/wait";
import { storeKey } from "../../packages/core/src/scope.js";
import { SERVICE } from "./service.js";

/** Where each key stands, when no lease is left. */
export interface AtRest {
  readonly done: readonly HistoryKey[];
  /** What `unknowns()` lists. */
  readonly listed: readonly HistoryKey[];
}

const LONGEST_MS = 60_000;
const AT_ONCE = 32;

/** Looks at each key until it has no lease any more, and has the unknown ones listed. */
export async function lookAtRest(store: Store, keys: readonly HistoryKey[]): Promise<AtRest> {
  const named = new Map(await Promise.all(keys.map(async (key) => [await storeKeyOf(key), key] as const)));
  const done: HistoryKey[] = [];
  const waiting = [...named];
  const look = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [name, key] = next;
      if ((await settled(store, name)).outcome === "done") done.push(key);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, look));
  const listed = (await listUnknowns(store)).map((name) => named.get(name) ?? { scope: "nobody", key: name });
  return { done, listed };
}

async function storeKeyOf({ scope, key }: HistoryKey): Promise<StoreKey> {
  return storeKey((text) => createHash("sha256").update(text).digest("base64url"), SERVICE, [scope], key);
}

async function settled(store: Store, key: StoreKey): Promise<Found> {
  for (;;) {
    const found = await patiently(() => store.read(key));
    if (found.outcome !== "running") return found;
    await sleep(100);
  }
}

async function listUnknowns(store: Store): Promise<readonly StoreKey[]> {
  const listed = new Set<StoreKey>();
  let cursor: string | undefined;
  do {
    const page = await patiently(() => (cursor === undefined ? store.unknowns() : store.unknowns(cursor)));
    for (const { key } of page.items) listed.add(key);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return [...listed];
}

/** A store that has just come back may need a moment. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (const endMs = performance.now() + LONGEST_MS; ; ) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await sleep(100);
    }
  }
}
