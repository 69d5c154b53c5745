import { setTimeout as sleep } from "node:timers/promises";
import type { Delivery } from "../../../examples/storm/deliveries.js";
import { drawManner, type Manner } from "../../../examples/storm/plan.js";
import type { Random } from "../../../examples/storm/random.js";
import type { LedgerView } from "./ledger-view.js";
import type { Revisions } from "./revisions.js";
import type { Traffic } from "./traffic.js";

/** A request that is sent again. */
export interface Again {
  /** Counted from the moment that its list names, in milliseconds. */
  readonly delayMs: number;
  readonly manner: Manner;
}

/** Everything that is done about one key. */
export interface KeyPlan {
  readonly delivery: Delivery;
  /** Counted from the beginning of the round, in milliseconds. */
  readonly beginMs: number;
  readonly first: Manner;
  /** Counted from the first sending. */
  readonly meanwhile: readonly Again[];
  /** Counted from the fault of the round; left out where the key has an answer by then. */
  readonly afterFault: readonly Again[];
  /** Counted from the answer to the first sending. */
  readonly afterwards: readonly Again[];
  /** Counted from the beginning of the next round, which another revision serves. */
  readonly nextTurn: readonly Again[];
}

/** One revision's turn: a burst of keys, and one of its two workers killed or paused amid them. */
export interface Round {
  readonly keys: readonly KeyPlan[];
  readonly fault: {
    readonly worker: 0 | 1;
    /** It waits until the worker has so many runs before their effect, */
    readonly openRuns: number;
    /** and then for so long, so that it finds runs on either side of their effect. In milliseconds. */
    readonly delayMs: number;
    /** Absent: it is killed at once. `killed`: it is paused, and never wakes up. */
    readonly pause?: { readonly lengthMs: number; readonly killed: boolean };
    /** Whether the other revision gets the turn together with the fault, and not when the keys are answered. */
    readonly endsTurn: boolean;
  };
}

/** How many keys a round should have. */
export const KEYS_PER_ROUND = 60;
const KEYS_PER_WORKER = KEYS_PER_ROUND / 2;
/** How long the burst of a round takes to begin, in milliseconds. */
const BURST_MS = 100;
const LONGEST_BURST_MS = 2_000;
const NO_MORE_MS = 80;
const LOOK_EVERY_MS = 5;

/** Decides everything that is chosen in a round. */
export function planRound(deliveries: readonly Delivery[], leaseMs: number, random: Random): Round {
  const some = (count: number, mostMs: number): Again[] =>
    Array.from({ length: count }, () => ({ delayMs: random.between(0, mostMs), manner: drawManner(random, 0.8) }));
  const keys = deliveries.map((delivery) => ({
    delivery,
    beginMs: random.between(0, BURST_MS),
    first: drawManner(random, 0.7),
    meanwhile: some(random.between(0, 1), BURST_MS),
    afterFault: some(4, leaseMs * 0.8),
    afterwards: some(1, 50),
    nextTurn: some(random.between(1, 2), 100),
  }));
  const pause = { lengthMs: leaseMs * 1.4 + random.between(0, leaseMs), killed: random.chance(0.25) };
  const fault = {
    worker: random.chance(0.5) ? (0 as const) : (1 as const),
    openRuns: random.between(KEYS_PER_WORKER * 0.4, KEYS_PER_WORKER * 0.7),
    delayMs: random.between(0, BURST_MS),
    endsTurn: random.chance(0.25),
  };
  return { keys, fault: random.chance(0.5) ? fault : { ...fault, pause } };
}

/** What a round is played with. */
export interface Stage {
  readonly traffic: Traffic;
  readonly revisions: Revisions;
  readonly ledger: LedgerView;
  readonly signal: AbortSignal;
}

/** Plays a round, together with what is left of the one before; settles when every request has its answer, with the turn at the other revision. */
export async function play(round: Round, before: Round | undefined, stage: Stage): Promise<void> {
  await stage.revisions.untilServing();
  const { fault } = round;
  const struck = strike(fault, stage);
  await Promise.all([
    struck.then(({ over }) => over()),
    ...round.keys.map((key) => playKey(key, struck, stage)),
    ...(before === undefined ? [] : redeliver(before, stage)),
  ]);
  if (!fault.endsTurn) await stage.revisions.takeTurns();
}

/** Sends again what was answered in the turn before. */
export function redeliver({ keys }: Round, stage: Stage): Promise<void>[] {
  return keys.map(({ delivery, nextTurn }) => sendEach(nextTurn, delivery, stage));
}

/** Settles when the fault has begun; `over` when what was paused is awake or dead. */
async function strike(fault: Round["fault"], stage: Stage): Promise<{ readonly over: () => Promise<void> }> {
  const { worker, pause, endsTurn } = fault;
  const { revisions, signal } = stage;
  await untilBusy(fault, stage);
  await sleep(fault.delayMs, undefined, { signal });
  let over = Promise.resolve();
  if (pause === undefined) revisions.kill(worker);
  else over = revisions.pause(worker, pause.lengthMs, pause.killed);
  if (endsTurn) await revisions.takeTurns();
  return { over: () => over };
}

/** A slow machine may never have so many open at a time: then, when there have been no more for a while. */
async function untilBusy({ worker, openRuns }: Round["fault"], { revisions, ledger, signal }: Stage): Promise<void> {
  let most = 0;
  let endMs = performance.now() + LONGEST_BURST_MS;
  while (performance.now() < endMs) {
    const open = ledger.openRuns(revisions.process(worker));
    if (open >= openRuns) return;
    if (open > most) {
      most = open;
      endMs = performance.now() + NO_MORE_MS;
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

async function playKey(plan: KeyPlan, struck: Promise<unknown>, stage: Stage): Promise<void> {
  const { delivery } = plan;
  const { traffic, signal } = stage;
  await sleep(plan.beginMs, undefined, { signal });
  const first = traffic.send(delivery, plan.first);
  await Promise.all([
    first.then(() => sendEach(plan.afterwards, delivery, stage)),
    sendEach(plan.meanwhile, delivery, stage),
    struck.then(() => sendEach(plan.afterFault, delivery, stage, () => traffic.isOpen(delivery))),
  ]);
}

async function sendEach(
  again: readonly Again[],
  delivery: Delivery,
  { traffic, signal }: Stage,
  isWanted = () => true,
): Promise<void> {
  const send = async ({ delayMs, manner }: Again) => {
    await sleep(delayMs, undefined, { signal });
    if (isWanted()) await traffic.send(delivery, manner);
  };
  await Promise.all(again.map(send));
}
