import type { HistoryKey } from "@onceover/test/history";
import { nameOf } from "@onceover/test/history-index";

/** Sorts things by the key they belong to, each key's in the order they came. */
export function byKey<Thing extends HistoryKey>(things: readonly Thing[]): Map<string, Thing[]> {
  const keys = new Map<string, Thing[]>();
  for (const thing of things) {
    const name = nameOf(thing.scope, thing.key);
    const others = keys.get(name);
    if (others === undefined) keys.set(name, [thing]);
    else others.push(thing);
  }
  return keys;
}
