import { attempt } from "./attempt.js";
import { createBackground, type InterruptedRun } from "./background.js";
import { createRecordCache } from "./cache.js";
import type { OnceoverEvent } from "./event.js";
import type { RequestFacts } from "./facts.js";
import { createFlights } from "./flight.js";
import { createGate } from "./gate.js";
import { checkInstance, type MountOptions, mountSettings, type OnceoverOptions } from "./options.js";
import type { PinnedOnceover, PinRules } from "./pinned.js";
import { type MaybePromise, type Platform, runtime } from "./platform.js";
import { type ScopeValue, scopeDigest, scopeParts, storeKey } from "./scope.js";
import type { Shell } from "./shell.js";
import type { Store, Verified } from "./store.js";
import type { Verdict } from "./verdict.js";
import { createWaiters } from "./waiters.js";

/** Judges the requests of one route, router or application. What adapters are made of. */
export interface Mount<Request = unknown> {
  /**
   * Judges one arrival; at once where nothing has to be waited for. Rejects only with what the application's own `scope`
   * or `fingerprint` function threw: nothing has run then, and no key is claimed.
   *
   * With `otherwise` nothing runs: a key that has a record or a run is answered by it, anything else by that verdict.
   */
  attempt(facts: RequestFacts<Request>, otherwise?: Verdict): MaybePromise<Verdict>;
}

/** Answers in place of a run. */
export type Refuse = (facts: RequestFacts) => Verdict;

/** One service's idempotency, for its adapters to mount. */
export interface Onceover<Request = unknown> {
  readonly service: string;
  readonly revision: string;
  readonly store: Store;
  /**
   * Waits until the store has been examined. Await it at start to fail early; requests wait for it by themselves.
   * @throws {OnceoverError} `store-unfit` naming each setting and its mend; `store-unavailable` where it cannot be reached.
   */
  ready(): Promise<Verified>;
  /**
   * Checks the options of a mount, once.
   * @throws {TypeError} that names the option, its rule and the value.
   */
  mount(options?: MountOptions<Request>): Mount<Request>;
  /** Deletes the record of a key, so that it counts as never seen. Another process may replay it for a minute more. */
  forget(scope: ScopeValue, key: string): Promise<"ok" | "none">;
  /**
   * Deletes the records of all keys of a scope, as `forget` does, and says how many there were. A run of the scope that is
   * going on meanwhile may leave a record.
   */
  forgetScope(scope: ScopeValue): Promise<number>;
  /**
   * From now on nothing new begins here: an arrival whose key has a record or a run is answered by that, any other one by
   * `refuse`. With revisions, what is pinned to this one still runs, and what is not is sent to one that stays. For whoever
   * takes an instance out of service, such as `drainable()` of `@onceover/node`. There is no way back.
   */
  drain(refuse: Refuse): void;
  /**
   * Gives up the runs that are going on, because the process is about to end: their leases are renewed no more, and
   * `once.signal` is aborted. What they still answer is recorded. Says which runs these are.
   */
  interrupt(): readonly InterruptedRun[];
  /** Resolves when no run is going on and no record is waiting to be stored. */
  idle(): Promise<void>;
}

/**
 * Creates one service's idempotency and begins to examine its store.
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * const once = createOnceover({
 *   service: "payments",
 *   revision: "r42",
 *   store: memoryStore(),
 *   scope: (request: express.Request) => request.user.id,
 * });
 */
export function createOnceover<Request = unknown>(
  options: OnceoverOptions<Request> & { readonly pins: PinRules },
): PinnedOnceover<Request>;
export function createOnceover<Request = unknown>(options: OnceoverOptions<Request>): Onceover<Request>;
export function createOnceover<Request>(options: OnceoverOptions<Request>): Onceover<Request> {
  return createOnceoverOn(runtime, options);
}

/** `createOnceover` on a platform of one's own: other clocks, other timers. */
export function createOnceoverOn<Request>(platform: Platform, options: OnceoverOptions<Request>): Onceover<Request> {
  checkInstance(options);
  // Fails here, not at the first mount, where the instance's own options do not fit together.
  mountSettings(options);
  const { service, revision, store } = options;
  const shell: Shell = {
    service,
    revision,
    platform,
    store,
    flights: createFlights(platform),
    cache: createRecordCache(),
    background: createBackground(platform),
    waiters: createWaiters(),
    emit: emitTo(options.on),
  };
  const gate = createGate(shell, options.onUnfitStore ?? "refuse");
  let refuse: Refuse | undefined;
  const once: Onceover<Request> = {
    service,
    revision,
    store,
    ready: gate.ready,
    mount(mountOptions) {
      const context = { shell, gate, settings: mountSettings(options, mountOptions) };
      return {
        attempt: (facts, otherwise = refuse?.(facts)) =>
          attempt(otherwise ? { ...context, otherwise } : context, facts),
      };
    },
    forget: (scope, key) => forget(shell, scope, key),
    forgetScope: (scope) => forgetScope(shell, scope),
    drain(given) {
      refuse = given;
    },
    interrupt: shell.background.interrupt,
    idle: shell.background.idle,
  };
  return options.pins?.(once, shell) ?? once;
}

/** A listener that throws must not take a payment with it. */
function emitTo(on: OnceoverOptions["on"]): Shell["emit"] {
  if (on === undefined) return () => {};
  return (event: OnceoverEvent) => {
    try {
      on(event);
    } catch {
      // Documented in OnEvent: what a listener throws is its own affair.
    }
  };
}

async function forget(shell: Shell, scope: ScopeValue, key: string): Promise<"ok" | "none"> {
  const name = await storeKey(shell.platform.sha256, shell.service, partsOf(scope), key);
  const forgotten = await shell.store.forget(name);
  // Only now: until then a replay would have put it back.
  shell.cache.delete(name);
  return forgotten;
}

async function forgetScope(shell: Shell, scope: ScopeValue): Promise<number> {
  const begins = await scopeDigest(shell.platform.sha256, shell.service, partsOf(scope));
  let forgotten = 0;
  let cursor: string | undefined;
  do {
    const page = await shell.store.forgetScope(begins, cursor);
    forgotten += page.forgotten;
    cursor = page.cursor;
  } while (cursor !== undefined);
  shell.cache.deleteScope(begins);
  return forgotten;
}

/** The scope of `SHARED_SCOPE` is the empty list, which no function can return. */
function partsOf(scope: ScopeValue): readonly string[] {
  const parts = Array.isArray(scope) && scope.length === 0 ? [] : scopeParts(scope);
  if (parts === undefined) throw new TypeError("scope must name the caller, or be [] for SHARED_SCOPE");
  return parts;
}
