/**
 * Single flight inside one process: of the requests that carry one key at one time, the first leads and talks to the
 * store, and the others follow it and talk to nobody.
 *
 * A flight is facts, and a bell that rings when they change. Its leader may die without a word: a platform that ends a
 * request ends all that it had begun. So a leader gives signs of life, and a flight without any is left to the store.
 */

import { type Bell, createBell } from "./bell.js";
import type { Platform } from "./platform.js";
import type { ProblemCode, ProblemDetail } from "./problem.js";
import type { RunRecord } from "./record.js";
import type { Recorder } from "./recorder.js";
import type { Fingerprint, StoreKey } from "./store.js";

/** Where the leader has found the run: in this process, because it is its own, or in another one. */
export type Stage = "here" | "elsewhere";

/** What a flight came to. */
export type Landing =
  /** The run's answer, whether or not it is recorded. */
  | { readonly outcome: "answer"; readonly record: RunRecord }
  /** The leader was refused for a reason that holds for its followers too. */
  | { readonly outcome: "refused"; readonly code: ProblemCode; readonly detail: ProblemDetail }
  /** Nothing that helps a follower; each must look for itself. */
  | { readonly outcome: "again" };

/** How long a leader may be silent while it asks the store, in milliseconds; stores have deadlines well below that. */
export const LONGEST_SILENCE_MS = 5000;

/** The keys in the air in this process. */
export interface Flights {
  get(key: StoreKey): Flight | undefined;
  open(key: StoreKey, fingerprint: Fingerprint): Flight;
}

/** An empty sky. */
export function createFlights(platform: Platform): Flights {
  // By way of places that are used again: the tables that a long-lived Map grows out of hold on to what was in them, each one to
  // its next, until the next full garbage collection.
  const places = new Map<StoreKey, number>();
  const flights: (Flight | undefined)[] = [];
  const free: number[] = [];
  return {
    get: (key) => flights[places.get(key) ?? -1],
    open(key, fingerprint) {
      const place = free.pop() ?? flights.length;
      const flight = new Flight(platform, fingerprint, () => {
        if (flights[place] !== flight) return;
        if (places.get(key) === place) places.delete(key);
        flights[place] = undefined;
        free.push(place);
      });
      flights[place] = flight;
      places.set(key, place);
      return flight;
    },
  };
}

/** One key in the air. */
export class Flight {
  /** The leader's payload; the run's, once there is a stage. */
  readonly fingerprint: Fingerprint;
  /** How much of the lease is left where the run is elsewhere, in milliseconds, as last heard. */
  leaseLeftMs = 0;
  /** The answer of a run in this process, as far as it has come; absent where nobody may join it. */
  live: Pick<Recorder, "join" | "close"> | undefined;
  /** Takes the flight out of the way: whoever comes next leads. */
  readonly leave: () => void;
  readonly #platform: Platform;
  #stage: Stage | undefined;
  #landing: Landing | undefined;
  #aliveUntilMs: number;
  /** Most flights have nobody who follows. */
  #bell: Bell | undefined;

  constructor(platform: Platform, fingerprint: Fingerprint, leave: () => void) {
    this.fingerprint = fingerprint;
    this.leave = leave;
    this.#platform = platform;
    this.#aliveUntilMs = platform.monotonicMs() + LONGEST_SILENCE_MS;
  }

  /** How far the leader has come. */
  get stage(): Stage | undefined {
    return this.#stage;
  }

  /** What the flight came to, if it is over. */
  get landing(): Landing | undefined {
    return this.#landing;
  }

  /** How long the leader may still be silent. Not above 0: it is dead, or was paused as we were. */
  get silenceLeftMs(): number {
    return this.#aliveUntilMs - this.#platform.monotonicMs();
  }

  /** The leader is at work, and will say so again within `ms`. */
  sign(ms = LONGEST_SILENCE_MS): void {
    this.#aliveUntilMs = this.#platform.monotonicMs() + ms;
  }

  /** Tells the followers where the run is. */
  claim(stage: Stage): void {
    this.sign();
    if (this.#stage !== undefined) return;
    this.#stage = stage;
    this.ring();
  }

  /** Ends the flight for its followers; `stay` keeps it open for later ones, who get the same. */
  land(landing: Landing, stay?: "stay"): void {
    // Followers who are told "again" must not find this flight again.
    if (stay === undefined) this.leave();
    if (this.#landing !== undefined) return;
    this.#landing = landing;
    this.ring();
    const isWhole = landing.outcome === "answer" && landing.record.kind !== "cut";
    this.live?.close(isWhole ? "whole" : "cut");
    this.live = undefined;
  }

  /** Makes the followers look again. */
  ring(): void {
    this.#bell?.ring();
  }

  /** Resolves when there is something new to see, or after `ms`. */
  news(ms: number): Promise<void> {
    this.#bell ??= createBell(this.#platform);
    return this.#bell.rung(ms);
  }
}
