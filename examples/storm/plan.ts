import type { Delivery } from "./deliveries.js";
import type { Random } from "./random.js";

/** What becomes of the first try of a send. Later ones are patient. */
export type Manner =
  | { readonly manner: "patient" }
  /** No answer after `afterMs`: the client takes it for lost. */
  | { readonly manner: "times-out"; readonly afterMs: number }
  /** The client leaves `afterMs` after the request was sent. */
  | { readonly manner: "hangs-up"; readonly afterMs: number }
  /** The client leaves when half of the body is sent. */
  | { readonly manner: "breaks-off" };

/** When a request is sent again: together with the first one, while that is on its way, or when it was answered. */
export type Moment = "at-once" | "meanwhile" | "afterwards";

/** One duplicate. */
export interface Again {
  readonly moment: Moment;
  /** Counted from the first send, or, afterwards, from its answer; in milliseconds. */
  readonly delayMs: number;
  readonly manner: Manner;
}

/** Everything the client does about one key. */
export interface KeyPlan {
  readonly delivery: Delivery;
  readonly first: Manner;
  readonly again: readonly Again[];
}

/** What happens to the workers in one round. */
export interface Fault {
  readonly worker: number;
  readonly killAfterMs: number;
  /** Another worker is paused once all serve again; `killed`: it never wakes up. */
  readonly pause?: { readonly worker: number; readonly lengthMs: number; readonly killed: boolean };
}

/** Some keys that begin while a worker is killed. */
export interface Round {
  readonly keys: readonly KeyPlan[];
  readonly fault: Fault;
}

/** A storm: its rounds, and the keys that begin in the middle of it, while no worker is killed but all are restarted. */
export interface StormPlan {
  readonly rounds: readonly Round[];
  readonly calm: readonly KeyPlan[];
}

/** The share of the keys that begin during the restart; it takes as long with many as with few. */
const CALM_SHARE = 0.25;
const MOST_CALM_KEYS = 240;
const KEYS_PER_ROUND = 50;
const LEAST_ROUNDS = 4;

/** Decides everything that is chosen in a storm; the same for the same seed. */
export function planStorm(
  deliveries: readonly Delivery[],
  options: {
    readonly duplicates: number;
    readonly killEveryMs: number;
    readonly leaseMs: number;
    readonly workers: number;
  },
  random: Random,
): StormPlan {
  const all = random.shuffle(deliveries).map((delivery) => planKey(delivery, options.duplicates, random));
  const calm = all.slice(0, Math.min(MOST_CALM_KEYS, all.length * CALM_SHARE));
  const keys = all.slice(calm.length);
  const count = Math.max(LEAST_ROUNDS, Math.ceil(keys.length / KEYS_PER_ROUND));
  const rounds = Array.from({ length: count }, (_, round) => ({
    keys: keys.slice((round * keys.length) / count, ((round + 1) * keys.length) / count),
    fault: planFault(round, options, random),
  }));
  return { rounds, calm };
}

/** Decides what the client does about one key. */
export function planKey(delivery: Delivery, duplicates: number, random: Random): KeyPlan {
  const again = Array.from({ length: duplicates }, (): Again => {
    const moment = random.pick<Moment>(["at-once", "meanwhile", "afterwards"]);
    const delayMs = moment === "at-once" ? 0 : moment === "meanwhile" ? random.between(5, 80) : random.between(0, 3000);
    return { moment, delayMs, manner: drawManner(random, 0.7) };
  });
  return { delivery, first: drawManner(random, 0.4), again };
}

/** A manner of all there are; `patientShare`: how likely it is patience. */
export function drawManner(random: Random, patientShare: number): Manner {
  if (random.chance(patientShare)) return { manner: "patient" };
  return random.pick<Manner>([
    { manner: "times-out", afterMs: random.between(10, 60) },
    { manner: "hangs-up", afterMs: random.between(0, 50) },
    { manner: "breaks-off" },
  ]);
}

/** Two rounds in three pause a worker for longer than a lease; one pause in four ends with SIGKILL. */
function planFault(
  round: number,
  {
    killEveryMs,
    leaseMs,
    workers,
  }: { readonly killEveryMs: number; readonly leaseMs: number; readonly workers: number },
  random: Random,
): Fault {
  const worker = random.between(0, workers - 1);
  const fault = { worker, killAfterMs: random.between(0, Math.floor(killEveryMs / 2)) };
  const other = (worker + random.between(1, workers - 1)) % workers;
  const pause = { worker: other, lengthMs: leaseMs * 1.4 + random.between(0, leaseMs), killed: random.chance(0.25) };
  return round % 3 === 2 ? fault : { ...fault, pause };
}
