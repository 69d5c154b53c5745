import { OnceoverError, type Store } from "@onceover/core";
import { latch } from "./adapter-wait.js";

/** The verbs that can be made to fail or wait. */
export type ControlledVerb = Exclude<keyof Store, "name" | "close" | "begin">;

/** A call that waits. */
export interface Hold {
  /** Settles when a call has come and waits. */
  readonly reached: Promise<void>;
  /** Lets the call go on, and every later one. */
  release(): void;
}

/** A store that counts what is asked of it, and fails or waits when told to. */
export interface ControlledStore extends Store {
  /** How often a verb was called; without one, how often any but `verify` was. */
  calls(verb?: ControlledVerb): number;
  /** Makes calls reject, without reaching the store. @default every verb */
  down(...verbs: ControlledVerb[]): void;
  /** Makes calls reach the store and lose their reply. */
  loseReplies(...verbs: ControlledVerb[]): void;
  /** Ends `down` and `loseReplies`. */
  up(): void;
  /** Makes calls of a verb wait, before they reach the store. */
  hold(verb: ControlledVerb): Hold;
}

const VERBS = [
  "acquire",
  "renew",
  "complete",
  "abandon",
  "read",
  "forget",
  "forgetScope",
  "unknowns",
  "verify",
] as const;

/** Puts a store under the control of a case. */
export function controlledStore(store: Store): ControlledStore {
  const counts = new Map<ControlledVerb, number>();
  const failing = new Set<ControlledVerb>();
  const losing = new Set<ControlledVerb>();
  const gates = new Map<ControlledVerb, () => Promise<void>>();

  async function pass<T>(verb: ControlledVerb, call: () => Promise<T>): Promise<T> {
    counts.set(verb, (counts.get(verb) ?? 0) + 1);
    await gates.get(verb)?.();
    if (failing.has(verb)) throw unavailable(verb);
    const result = await call();
    if (losing.has(verb)) throw unavailable(verb);
    return result;
  }

  return {
    name: store.name,
    acquire: (request) => pass("acquire", () => store.acquire(request)),
    renew: (...args) => pass("renew", () => store.renew(...args)),
    complete: (...args) => pass("complete", () => store.complete(...args)),
    abandon: (...args) => pass("abandon", () => store.abandon(...args)),
    read: (key) => pass("read", () => store.read(key)),
    forget: (key) => pass("forget", () => store.forget(key)),
    forgetScope: (...args) => pass("forgetScope", () => store.forgetScope(...args)),
    unknowns: (cursor) => pass("unknowns", () => store.unknowns(cursor)),
    verify: () => pass("verify", () => store.verify()),
    close: () => store.close(),
    calls(verb) {
      if (verb !== undefined) return counts.get(verb) ?? 0;
      return VERBS.reduce((sum, each) => sum + (each === "verify" ? 0 : (counts.get(each) ?? 0)), 0);
    },
    down(...verbs) {
      for (const verb of verbs.length === 0 ? VERBS : verbs) failing.add(verb);
    },
    loseReplies(...verbs) {
      for (const verb of verbs) losing.add(verb);
    },
    up() {
      failing.clear();
      losing.clear();
    },
    hold(verb) {
      const [arrival, freedom] = [latch(), latch()];
      gates.set(verb, () => {
        arrival.open();
        return freedom.opened;
      });
      return { reached: arrival.opened, release: freedom.open };
    },
  };
}

function unavailable(verb: ControlledVerb): OnceoverError {
  return new OnceoverError("store-unavailable", `${verb} was made to fail`);
}
