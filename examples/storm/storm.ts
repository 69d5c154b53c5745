import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Build } from "../payments-service/build.js";
import { readEffects } from "../payments-service/ledger.js";
import { askers, drawBuilds } from "./asking.js";
import { createClient } from "./client.js";
import { payments, webhooks } from "./deliveries.js";
import type { Flags } from "./flags.js";
import { startFront } from "./front.js";
import { type Judgement, judge } from "./judge.js";
import { type Fault, type KeyPlan, planStorm, type Round } from "./plan.js";
import { random } from "./random.js";
import type { Places } from "./records.js";
import { judgeRestart, LEAVE, type RestartJudgement, type RestartSeen, restartAll } from "./restart.js";
import { countEvent, createTally, type Tally } from "./tally.js";
import { startWorkers, type Workers } from "./workers.js";

/** How a storm stands. */
export interface Standing {
  readonly plannedKeys: number;
  readonly tookMs: number;
  readonly tally: Tally;
  /** Requests that the front sent twice. */
  readonly resent: number;
  readonly judgement: Judgement;
  /** Absent until all workers have been restarted. */
  readonly restart: RestartJudgement | undefined;
}

/** A storm that goes on. */
export interface Storm {
  /** The revisions side by side. */
  readonly builds: readonly Build[];
  standing(): Standing;
  /** Settles when every key has its answer, or soon after `signal`. Rejects where the workers cannot start. */
  readonly over: Promise<Standing>;
}

/** Long enough for a run, short enough to be outlived by a pause. In milliseconds. */
const LEASE_MS = 500;
/** How far away the ledger pretends to be, each way: kills must find runs before and after their effect. In milliseconds. */
const LEDGER_LATENCY_MS = 15;
const FRONT_PATIENCE_MS = 1_000;
const LONGEST_START_MS = 60_000;
/** Of each revision. */
const WORKERS = 2;
/** So often a worker says that it is there: one that was killed must soon be asked no more. In milliseconds. */
const HEARTBEAT_MS = 250;
/** What a worker knows of the others it reads anew before this many heartbeats are over. */
const HEARTBEATS_UNTIL_KNOWN = 3;
/** About as long one worker takes to leave, and the next one to come. In milliseconds. */
const RESTART_MS = 2_000;

/** Starts front, workers and client. */
export async function startStorm(flags: Flags, places: Places, signal: AbortSignal): Promise<Storm> {
  const choices = random(flags.seed);
  const builds = drawBuilds(choices);
  const ask = await askers(builds, choices);
  const deliveries = [...payments(flags.keys, choices), ...webhooks(flags.webhooks, choices)].map(ask);
  const count = WORKERS * builds.length;
  const { rounds, calm } = planStorm(deliveries, { ...flags, leaseMs: LEASE_MS, workers: count }, choices);
  const beganMs = performance.now();
  const tally = createTally();
  const trouble = new AbortController();
  const stop = AbortSignal.any([signal, trouble.signal]);
  // Every pause of every send listens to it.
  setMaxListeners(0, stop);
  const workers = startWorkers({
    count,
    args: (worker) => [...places.workerArgs, ...TIMES, ...buildArgs(builds[worker % builds.length] ?? builds[0])],
    onEvent: (event) => countEvent(tally, event),
    onFailure: (message) => trouble.abort(new Error(message)),
  });
  const resends = () => choices.chance(0.5);
  const front = await startFront({ ports: workers.ports, patienceMs: FRONT_PATIENCE_MS, resends });
  const client = createClient({ port: front.port, tally, random: choices, signal: stop });
  const ledger = readEffects(places.ledger);
  const effects = ledger.next();
  let restarted: RestartSeen | undefined;

  function catchUp(): number {
    return effects.push(...ledger.next());
  }

  function standing(): Standing {
    catchUp();
    const tookMs = performance.now() - beganMs;
    const { requests, answers, asked } = client;
    const judgement = judge({ requests, answers, effects }, { builds, asked });
    const restart = restarted === undefined ? undefined : judgeRestart(restarted, effects);
    return { plannedKeys: deliveries.length, tookMs, tally, resent: front.resent(), judgement, restart };
  }

  async function run(): Promise<Standing> {
    try {
      await until(workers.areServing, stop, LONGEST_START_MS);
      await sleep(HEARTBEATS_UNTIL_KNOWN * HEARTBEAT_MS, undefined, { signal: stop });
      await rage(rounds);
    } catch (error) {
      if (trouble.signal.aborted) throw trouble.signal.reason;
      if (!signal.aborted) throw error;
    } finally {
      client.close();
      await workers.close();
      await front.close();
    }
    // Nothing can be written any more.
    const end = standing();
    ledger.close();
    return end;
  }

  async function rage(rounds: readonly Round[]): Promise<void> {
    const keys: Promise<void>[] = [];
    const begin = (plan: KeyPlan) => {
      const key = client.follow(plan);
      // Looked at when all have begun; by then a storm that was broken off may have ended.
      key.catch(() => {});
      keys.push(key);
    };
    for (const [at, round] of rounds.entries()) {
      if (at === Math.floor(rounds.length / 2)) await restart(begin);
      await Promise.all([
        spread(round.keys, flags.killEveryMs, begin, stop),
        strike(round.fault, workers, tally, stop),
      ]);
    }
    await Promise.all(keys);
    // A run that nobody waits for any more may still be under way.
    await sleep(LEASE_MS, undefined, { signal: stop });
  }

  async function restart(begin: (plan: KeyPlan) => void): Promise<void> {
    const areServing = () => until(workers.areServing, stop);
    const ground = { workers, count, front, signal: stop, areServing, effectCount: catchUp };
    const [seen] = await Promise.all([restartAll(ground), spread(calm, count * RESTART_MS, begin, stop)]);
    restarted = seen;
  }

  return { builds, standing, over: run() };
}

const TIMES: readonly string[] = [
  ...["--lease-ms", String(LEASE_MS), "--latency-ms", String(LEDGER_LATENCY_MS)],
  ...["--heartbeat-ms", String(HEARTBEAT_MS), "--leave", JSON.stringify(LEAVE)],
];

function buildArgs({ revision, schemaRev, accepts, indexHash }: Build): string[] {
  const schema = ["--schema-rev", String(schemaRev), "--accepts", accepts.join(",")];
  return ["--revision", revision, ...schema, "--index", indexHash];
}

/** Begins keys one by one over a while. */
async function spread(
  keys: readonly KeyPlan[],
  overMs: number,
  begin: (plan: KeyPlan) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const plan of keys) {
    begin(plan);
    await sleep(overMs / keys.length, undefined, { signal });
  }
}

/** Kills a worker, and pauses another one when all serve again. */
async function strike({ worker, killAfterMs, pause }: Fault, workers: Workers, tally: Tally, signal: AbortSignal) {
  const kill = (index: number) => {
    workers.kill(index);
    tally.kills += 1;
  };
  await sleep(killAfterMs, undefined, { signal });
  await until(workers.areServing, signal);
  kill(worker);
  if (pause === undefined) return;
  await until(workers.areServing, signal);
  workers.pause(pause.worker);
  tally.pauses += 1;
  await sleep(pause.lengthMs, undefined, { signal });
  if (pause.killed) kill(pause.worker);
  else workers.resume(pause.worker);
}

async function until(condition: () => boolean, signal: AbortSignal, capMs = LONGEST_START_MS): Promise<void> {
  const endMs = performance.now() + capMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`the workers did not serve within ${capMs / 1000} s`);
    await sleep(10, undefined, { signal });
  }
}
