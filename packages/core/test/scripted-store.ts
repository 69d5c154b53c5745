import { OnceoverError } from "../src/error.js";
import type { Store } from "../src/store.js";

export type Verb = Exclude<keyof Store, "name">;

/** What becomes of one call of a store. */
export type Fault =
  /** The request is lost: nothing happens in the store, and the call rejects. */
  | "lose-request"
  /** The reply is lost: it happens in the store, and the call rejects. */
  | "lose-reply"
  /** The call waits for the promise before it reaches the store. */
  | { readonly after: Promise<unknown> }
  /** It happens in the store, and its reply comes when the promise resolves. */
  | { readonly replyAfter: Promise<unknown> }
  /** The call rejects with this; nothing happens in the store. */
  | { readonly error: unknown }
  /** The call answers this; nothing happens in the store. */
  | { readonly answer: unknown };

export interface Call {
  readonly verb: Verb;
  readonly args: readonly unknown[];
}

/** A store that counts its calls and fails on demand. */
export interface ScriptedStore extends Store {
  /** Every call since `reset`, `verify` included. */
  readonly calls: readonly Call[];
  /** How often a verb was called, or all of them together. */
  count(verb?: Verb): number;
  reset(): void;
  /** Says what becomes of the next calls of a verb, one after the other. */
  next(verb: Verb, ...faults: Fault[]): void;
  /** Says what becomes of every call of a verb that `next` says nothing about; `undefined` heals it. */
  always(verb: Verb, fault: Fault | undefined): void;
  /** Loses every request of every verb, until `heal`. */
  down(): void;
  heal(): void;
}

const VERBS: readonly Verb[] = [
  "acquire",
  "renew",
  "complete",
  "abandon",
  "read",
  "forget",
  "forgetScope",
  "unknowns",
  "verify",
];

/** Puts a script between core and a real store. */
export function scriptedStore(inner: Store): ScriptedStore {
  let calls: Call[] = [];
  const queued = new Map<Verb, Fault[]>();
  const standing = new Map<Verb, Fault>();

  function through<T>(verb: Verb, args: readonly unknown[], real: () => Promise<T>): Promise<T> {
    calls.push({ verb, args });
    return play(queued.get(verb)?.shift() ?? standing.get(verb), verb, real);
  }

  return {
    name: "scripted",
    acquire: (request) => through("acquire", [request], () => inner.acquire(request)),
    renew: (...args) => through("renew", args, () => inner.renew(...args)),
    complete: (...args) => through("complete", args, () => inner.complete(...args)),
    abandon: (...args) => through("abandon", args, () => inner.abandon(...args)),
    read: (key) => through("read", [key], () => inner.read(key)),
    forget: (key) => through("forget", [key], () => inner.forget(key)),
    forgetScope: (...args) => through("forgetScope", args, () => inner.forgetScope(...args)),
    unknowns: (cursor) => through("unknowns", [cursor], () => inner.unknowns(cursor)),
    verify: () => through("verify", [], () => inner.verify()),
    close: () => inner.close(),
    get calls() {
      return calls;
    },
    count: (verb) => calls.filter((call) => verb === undefined || call.verb === verb).length,
    reset() {
      calls = [];
    },
    next: (verb, ...faults) => void queued.set(verb, [...(queued.get(verb) ?? []), ...faults]),
    always(verb, fault) {
      if (fault === undefined) standing.delete(verb);
      else standing.set(verb, fault);
    },
    down() {
      for (const verb of VERBS) standing.set(verb, "lose-request");
    },
    heal() {
      standing.clear();
      queued.clear();
    },
  };
}

async function play<T>(fault: Fault | undefined, verb: Verb, real: () => Promise<T>): Promise<T> {
  if (fault === undefined) return real();
  if (fault === "lose-request") throw unavailable(verb);
  if (fault === "lose-reply") {
    await real();
    throw unavailable(verb);
  }
  if ("error" in fault) throw fault.error;
  if ("answer" in fault) return fault.answer as T;
  if ("after" in fault) {
    await fault.after;
    return real();
  }
  const answer = await real();
  await fault.replyAfter;
  return answer;
}

function unavailable(verb: Verb): OnceoverError {
  return new OnceoverError("store-unavailable", `scripted: ${verb} failed`);
}
