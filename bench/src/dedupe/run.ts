import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { startPostgres } from "@onceover/test/postgres-server";
import { startRedis } from "@onceover/test/redis-server";
import { payments, webhooks } from "../../../examples/storm/deliveries.js";
import { random } from "../../../examples/storm/random.js";
import { makePlaces, type Places } from "../../../examples/storm/records.js";
import { createTally, type Tally } from "../../../examples/storm/tally.js";
import { CLASSES, classify } from "./classes.js";
import type { StoreName } from "./flags.js";
import { type Judgement, judge } from "./judgement.js";
import { viewLedger } from "./ledger-view.js";
import { type Fault, startRevisions } from "./revisions.js";
import { KEYS_PER_ROUND, planRound, play, type Round, redeliver, type Stage } from "./round.js";
import { createTraffic } from "./traffic.js";

/** What one store came to. */
export interface Result {
  readonly store: StoreName;
  readonly tookMs: number;
  readonly rounds: number;
  readonly tally: Tally;
  readonly faults: readonly Fault[];
  /** What HAProxy sent once more, and to the other worker, unasked. */
  readonly resent: { readonly retries: number; readonly redispatches: number };
  readonly judgement: Judgement;
}

/** What is asked of a run. */
export interface RunOptions {
  /** Duplicates in each class, at least. */
  readonly duplicates: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** The program of a worker and what stands before its arguments. @default the payments service */
  readonly program?: readonly string[];
  /** Called after each round with the count of duplicates in each class. */
  onRound(counts: readonly number[]): void;
}

/** Long enough for a run, short enough to be outlived by a pause. In milliseconds. */
const LEASE_MS = 500;
/** How far away the ledger pretends to be, each way: faults must find runs before and after their effect. In milliseconds. */
const LEDGER_LATENCY_MS = 150;
const HAPROXY_TIMEOUT_MS = 1_000;
/** A round brings far more to each class; where it does not, something is wrong with the faults. */
const LEAST_PER_ROUND = 20;
const SPARE_ROUNDS = 20;

/** Runs rounds over one store until each class has its duplicates. Rejects where something cannot start, or at `signal`. */
export async function run(store: StoreName, options: RunOptions): Promise<Result> {
  const server = await startServer(store);
  try {
    const places = await makePlaces(server?.url);
    try {
      return await runOn(store, places, options);
    } finally {
      await places.remove();
    }
  } finally {
    await server?.stop();
  }
}

function startServer(store: StoreName): Promise<{ readonly url: string; stop(): Promise<void> } | undefined> {
  switch (store) {
    case "lmdb":
      return Promise.resolve(undefined);
    case "redis":
      return startRedis();
    case "postgres":
      return startPostgres();
    // no default
  }
}

async function runOn(store: StoreName, places: Places, options: RunOptions): Promise<Result> {
  const trouble = new AbortController();
  const signal = AbortSignal.any([options.signal, trouble.signal]);
  // Every pause of every client listens to it.
  setMaxListeners(0, signal);
  const choices = random(options.seed);
  const beganMs = performance.now();
  const tally = createTally();
  const revisions = await startRevisions({
    workerArgs: [...places.workerArgs, "--lease-ms", `${LEASE_MS}`, "--latency-ms", `${LEDGER_LATENCY_MS}`],
    timeoutMs: HAPROXY_TIMEOUT_MS,
    ...(options.program !== undefined && { program: options.program }),
    onFailure: (message) => trouble.abort(new Error(message)),
  });
  const traffic = createTraffic({ port: revisions.port, tally, random: choices, signal });
  const ledger = viewLedger(places.ledger);
  const seen = { traffic, ledger: ledger.lines, revisions };

  function isEnough(): boolean {
    ledger.look();
    const classified = classify(seen);
    const counts = CLASSES.map((name) => classified.filter(({ className }) => className === name).length);
    options.onRound(counts);
    return counts.every((count) => count >= options.duplicates);
  }

  async function playOut(): Promise<Pick<Result, "rounds" | "resent">> {
    try {
      const rounds = await playAll(planAll(options, choices), { traffic, ledger, revisions, signal }, isEnough);
      // A run that nobody waits for any more may still be under way.
      await sleep(LEASE_MS, undefined, { signal });
      return { rounds, resent: await revisions.resent() };
    } catch (error) {
      throw trouble.signal.aborted ? trouble.signal.reason : error;
    } finally {
      traffic.close();
      await revisions.close();
    }
  }

  const played = await playOut();
  // Nothing can be written any more.
  ledger.look();
  ledger.close();
  const leftUnknown = await places.unknowns();
  const judgement = judge(seen, { wanted: options.duplicates, leftUnknown });
  return { store, tookMs: performance.now() - beganMs, tally, faults: revisions.faults, judgement, ...played };
}

/** Plays rounds until enough is enough, or there are no more; answers how many. */
async function playAll(rounds: readonly Round[], stage: Stage, isEnough: () => boolean): Promise<number> {
  let before: Round | undefined;
  let played = 0;
  for (const round of rounds) {
    await play(round, before, stage);
    before = round;
    played += 1;
    if (isEnough()) break;
  }
  if (before !== undefined) await Promise.all(redeliver(before, stage));
  return played;
}

function planAll({ duplicates }: RunOptions, choices: ReturnType<typeof random>): Round[] {
  const count = Math.ceil(duplicates / LEAST_PER_ROUND) + SPARE_ROUNDS;
  const webhookCount = Math.floor((count * KEYS_PER_ROUND) / 4);
  const paymentCount = count * KEYS_PER_ROUND - webhookCount;
  const deliveries = choices.shuffle([...payments(paymentCount, choices), ...webhooks(webhookCount, choices)]);
  return Array.from({ length: count }, (_, round) =>
    planRound(deliveries.slice(round * KEYS_PER_ROUND, (round + 1) * KEYS_PER_ROUND), LEASE_MS, choices),
  );
}
