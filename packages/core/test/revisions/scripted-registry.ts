import { OnceoverError } from "../../src/error.js";
import { memoryRegistry } from "../../src/revisions/memory-registry.js";
import type { RevisionRegistry } from "../../src/revisions/registry.js";

export type RegistryVerb = "write" | "count" | "list" | "remove";

/** A registry that counts its calls and fails, or hangs, on demand. */
export interface ScriptedRegistry extends RevisionRegistry {
  /** What was called since the beginning. */
  readonly calls: readonly { readonly verb: RegistryVerb; readonly args: readonly unknown[] }[];
  /** How often a verb was called. */
  times(verb: RegistryVerb): number;
  /** From now on the calls of these verbs, or all, reject and nothing happens. */
  down(...verbs: RegistryVerb[]): void;
  /** From now on each call of the verb waits for this promise before it happens. */
  hold(verb: RegistryVerb, until: Promise<unknown>): void;
  heal(): void;
}

const VERBS: readonly RegistryVerb[] = ["write", "count", "list", "remove"];

/** Puts a script before a memory registry on that clock. */
export function scriptedRegistry(nowMs: () => number): ScriptedRegistry {
  const inner = memoryRegistry({ nowMs });
  const calls: { verb: RegistryVerb; args: readonly unknown[] }[] = [];
  const broken = new Set<RegistryVerb>();
  const held = new Map<RegistryVerb, Promise<unknown>>();

  async function through<T>(verb: RegistryVerb, args: readonly unknown[], real: () => Promise<T>): Promise<T> {
    calls.push({ verb, args });
    await held.get(verb);
    if (broken.has(verb)) throw new OnceoverError("store-unavailable", `scripted: ${verb} failed`);
    return real();
  }

  return {
    name: "scripted",
    calls,
    write: (...args) => through("write", args, () => inner.write(...args)),
    count: (...args) => through("count", args, () => inner.count(...args)),
    list: (...args) => through("list", args, () => inner.list(...args)),
    remove: (...args) => through("remove", args, () => inner.remove(...args)),
    close: () => inner.close(),
    times: (verb) => calls.filter((call) => call.verb === verb).length,
    down(...verbs) {
      for (const verb of verbs.length === 0 ? VERBS : verbs) broken.add(verb);
    },
    hold: (verb, until) => void held.set(verb, until),
    heal() {
      broken.clear();
      held.clear();
    },
  };
}
