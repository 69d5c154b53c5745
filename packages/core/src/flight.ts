/**
 * Single flight inside one process: of the requests that carry one key at one time, the first leads and talks to the
 * store, and the others follow it and talk to nobody.
 */

import type { ProblemCode, ProblemDetail } from "./problem.js";
import type { RunRecord } from "./record.js";
import type { Fingerprint, StoreKey } from "./store.js";

/** How far the leader has come: the run is in this process, in another one, or the flight is over. */
export type Stage = "here" | "elsewhere" | "over";

/** What a flight came to. */
export type Landing =
  /** The run's answer, whether or not it is recorded. */
  | { readonly outcome: "answer"; readonly record: RunRecord }
  /** The leader was refused for a reason that holds for its followers too. */
  | { readonly outcome: "refused"; readonly code: ProblemCode; readonly detail: ProblemDetail }
  /** Nothing that helps a follower; each must look for itself. */
  | { readonly outcome: "again" };

/** One key in the air. */
export interface Flight {
  /** The leader's payload; the run's, once `claimed` says that there is one. */
  readonly fingerprint: Fingerprint;
  readonly claimed: Promise<Stage>;
  readonly landed: Promise<Landing>;
  /** How much of the lease is left where the run is elsewhere, in milliseconds, as last heard. */
  leaseLeftMs: number;
  /** Tells the followers where the run is. */
  claim(stage: Stage): void;
  /** Ends the flight for its followers; `stay` keeps it open for later ones, who get the same. */
  land(landing: Landing, stay?: "stay"): void;
  /** Takes a flight that stayed out of the way. */
  leave(): void;
}

/** The keys in the air in this process. */
export interface Flights {
  get(key: StoreKey): Flight | undefined;
  open(key: StoreKey, fingerprint: Fingerprint): Flight;
}

/** An empty sky. */
export function createFlights(): Flights {
  const byKey = new Map<StoreKey, Flight>();
  return {
    get: (key) => byKey.get(key),
    open(key, fingerprint) {
      const flight = createFlight(fingerprint, () => {
        if (byKey.get(key) === flight) byKey.delete(key);
      });
      byKey.set(key, flight);
      return flight;
    },
  };
}

/** Its promises are made for those who follow; most flights have nobody who does. */
function createFlight(fingerprint: Fingerprint, leave: () => void): Flight {
  return new OneFlight(fingerprint, leave);
}

class OneFlight implements Flight {
  fingerprint: Fingerprint;
  leaseLeftMs = 0;
  readonly leave: () => void;
  #stage: Stage | undefined;
  #landing: Landing | undefined;
  #claimed: Deferred<Stage> | undefined;
  #landed: Deferred<Landing> | undefined;

  constructor(fingerprint: Fingerprint, leave: () => void) {
    this.fingerprint = fingerprint;
    this.leave = leave;
  }

  get claimed(): Promise<Stage> {
    this.#claimed ??= deferred(this.#stage);
    return this.#claimed.promise;
  }

  get landed(): Promise<Landing> {
    this.#landed ??= deferred(this.#landing);
    return this.#landed.promise;
  }

  claim(stage: Stage): void {
    if (this.#stage !== undefined) return;
    this.#stage = stage;
    this.#claimed?.resolve(stage);
  }

  land(landing: Landing, stay?: "stay"): void {
    // Followers who are told "again" must not find this flight again.
    if (stay === undefined) this.leave();
    this.claim("over");
    if (this.#landing !== undefined) return;
    this.#landing = landing;
    this.#landed?.resolve(landing);
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

function deferred<T>(settled: T | undefined): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  if (settled !== undefined) resolve(settled);
  return { promise, resolve };
}
