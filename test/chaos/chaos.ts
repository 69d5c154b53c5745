import { setMaxListeners } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Violation } from "@onceover/test/history";
import { type Effect, readEffects } from "../../examples/payments-service/ledger.js";
import { type Client, createClient } from "../../examples/storm/client.js";
import type { Delivery } from "../../examples/storm/deliveries.js";
import { startFront } from "../../examples/storm/front.js";
import { type KeyPlan, planKey } from "../../examples/storm/plan.js";
import { type Random, random } from "../../examples/storm/random.js";
import { count, createTally } from "../../examples/storm/tally.js";
import { lookAtRest } from "./at-rest.js";
import { startCrew } from "./crew.js";
import { payments } from "./deliveries.js";
import type { FaultName } from "./faults.js";
import { isSettled, judge } from "./judge.js";
import { openStore } from "./open-store.js";
import { rage } from "./rage.js";
import { TARGETS, type TargetName } from "./targets.js";

/** What came of one store. */
export interface Outcome {
  readonly store: TargetName;
  readonly seed: number;
  readonly keys: number;
  readonly faults: ReadonlyMap<FaultName, number>;
  /** Runs whose outcome was unknown at any time. */
  readonly unknown: number;
  /** Runs that were in flight at a fault: no more than these may be unknown. */
  readonly inFlight: number;
  /** Keys that `unknowns()` listed after healing, and those of them that were done when they had been sent again. */
  readonly listed: number;
  readonly settled: number;
  /** Workers that ended though nobody killed them. */
  readonly crashes: number;
  readonly violations: readonly Violation[];
}

/** How chaos is run. */
export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  /** The program of a worker. */
  readonly file: string;
}

/** Longer than a busy machine keeps a process from renewing it, short enough to be outlived by a pause. In milliseconds. */
const LEASE_MS = 1000;
/** How far away the ledger pretends to be, each way: faults must find runs before and after their effect. In milliseconds. */
const LATENCY_MS = 15;
const FRONT_PATIENCE_MS = 1500;
const CLIENTS = 64;

/** Lets faults loose on one store for a while, heals it, sends every key once more, and judges. */
export async function runChaos(name: TargetName, options: ChaosOptions): Promise<Outcome> {
  const closing: (() => Promise<unknown>)[] = [];
  try {
    return await chaosIn(name, options, (close) => void closing.unshift(close));
  } finally {
    for (const close of closing) await close();
  }
}

async function chaosIn(
  name: TargetName,
  { seconds, seed, file }: ChaosOptions,
  onEnd: (close: () => Promise<unknown>) => void,
): Promise<Outcome> {
  // A source of chance for each: what one of them draws depends on none of the others.
  const chance = (number: number) => random(seed + number);
  const folder = await mkdtemp(join(tmpdir(), "onceover-chaos-"));
  onEnd(() => rm(folder, { recursive: true, force: true }));
  const ledger = join(folder, "ledger.jsonl");
  const target = await TARGETS[name](chance(1));
  onEnd(target.stop);
  const inStore = target.effects !== undefined;
  const settings = { place: target.near, leaseMs: LEASE_MS, latencyMs: LATENCY_MS, ...(inStore ? {} : { ledger }) };
  const tally = createTally();
  const crew = await startCrew({ file, settings, tally, random: chance(2) });
  onEnd(crew.close);
  const front = await startFront({ ports: crew.ports, patienceMs: FRONT_PATIENCE_MS, resends: () => false });
  onEnd(front.close);
  const near = { port: front.port, tally, random: chance(3) };

  const faults = new Map<FaultName, number>();
  const forMs = seconds * 1000;
  const raging = rage({
    ...{ target, crew, forMs, leaseMs: LEASE_MS, random: chance(4) },
    onFault: (fault) => count(faults, fault),
  });
  // The last fault: what is at work now is nobody's any more, the clients leave, and no process remembers what is done.
  const lastFault = raging.then(() => {
    count(faults, "all killed");
    return { over: crew.killAll() };
  });
  const { sent, client } = await sendUntilOver(near, lastFault);
  onEnd(async () => client.close());
  await (await lastFault).over;

  const { store, close } = openStore(target.direct);
  onEnd(close);
  const effects = target.effects ?? (() => effectsIn(ledger));
  const before = { clients: [client], effects: await effects(), store: await lookAtRest(store, sent) };
  const again = createClient({ ...near, signal: listenedTo(new AbortController()) });
  onEnd(async () => again.close());
  await sendAll(again, sent);
  const after = {
    clients: [client, again],
    effects: await effects(),
    store: await lookAtRest(store, sent),
  };
  const { listed } = before.store;
  return {
    ...{ store: name, seed, keys: sent.length, faults },
    unknown: tally.unknowns.size,
    inFlight: crew.struckCount(),
    listed: listed.length,
    settled: listed.filter((key) => isSettled(key, after.store)).length,
    crashes: crew.crashCount(),
    violations: judge(before, after),
  };
}

function effectsIn(ledger: string): Effect[] {
  const { next, close } = readEffects(ledger);
  const effects = next();
  close();
  return effects;
}

type Near = Omit<Parameters<typeof createClient>[0], "signal">;

/** Begins key after key, each sent at least twice, until there are no more faults; then every client hangs up. */
async function sendUntilOver(near: Near, raging: Promise<unknown>): Promise<{ sent: Delivery[]; client: Client }> {
  const over = new AbortController();
  const client = createClient({ ...near, signal: listenedTo(over) });
  const sent: Delivery[] = [];
  const next = payments(near.random);
  const sendOn = async () => {
    while (!over.signal.aborted) {
      const delivery = next.next().value;
      sent.push(delivery);
      await client.follow(planned(delivery, near.random)).catch(unlessOver);
    }
  };
  const unlessOver = (error: unknown) => {
    if (!over.signal.aborted) throw error;
  };
  const sending = Promise.all(Array.from({ length: CLIENTS }, sendOn));
  try {
    await Promise.race([raging, sending]);
  } finally {
    over.abort();
  }
  await sending;
  return { sent, client };
}

/** Every pause of every send listens to it. */
function listenedTo({ signal }: AbortController): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}

function planned(delivery: Delivery, random: Random): KeyPlan {
  return planKey(delivery, random.between(1, 3), random);
}

async function sendAll(client: Client, deliveries: readonly Delivery[]): Promise<void> {
  const waiting = [...deliveries];
  const send = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      await client.follow({ delivery: next, first: { manner: "patient" }, again: [] });
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, send));
}
