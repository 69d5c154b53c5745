/** The faults, and in which order they come. */

import type { Random } from "../../examples/storm/random.js";

/** The faults by name, and how often each is in the deck that they are drawn from. */
const DECK = {
  /** SIGKILL to a worker. */
  "worker killed": 2,
  /** SIGSTOP to a worker, for longer than a lease. */
  "worker paused": 2,
  /** SIGKILL to all workers at once; once, when the time is over. */
  "all killed": 0,
  /** The store does what it was asked, and nobody hears of it. */
  "reply swallowed": 3,
  /** The store takes requests and answers none, for a while. */
  "store hung": 1,
  /** SIGKILL to the store, which is started again on its data after a while. */
  "store killed": 1,
  /** SIGKILL to the store, which is started again on its data at once. */
  "store restarted": 1,
} as const;

export type FaultName = keyof typeof DECK;

/** Those of the workers; a store has the others. */
export type WorkerFault = "worker killed" | "worker paused" | "all killed";

export type StoreFault = Exclude<FaultName, WorkerFault>;

export const FAULT_NAMES = Object.keys(DECK) as FaultName[];

/** Draws faults from one shuffled deck after the other, so that each kind comes up, however short the time. */
export function faultDeck(random: Random, has: (fault: FaultName) => boolean) {
  const cards = FAULT_NAMES.filter(has).flatMap((fault) => Array.from({ length: DECK[fault] }, () => fault));
  let left: FaultName[] = [];

  /** The first one that is possible now stays no longer in the deck; none where none is. */
  return function draw(isPossible: (fault: FaultName) => boolean): FaultName | undefined {
    if (!left.some(isPossible)) left = [...left, ...random.shuffle(cards)];
    const at = left.findIndex(isPossible);
    return at < 0 ? undefined : left.splice(at, 1)[0];
  };
}
