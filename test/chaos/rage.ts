import { sleep } from "@onceover/test/wait";
import type { Random } from "../../examples/storm/random.js";
import type { Crew } from "./crew.js";
import { type FaultName, faultDeck, type WorkerFault } from "./faults.js";
import type { Target } from "./targets.js";

/** What is to fail, for how long. */
export interface Rage {
  readonly target: Target;
  readonly crew: Crew;
  readonly random: Random;
  readonly leaseMs: number;
  readonly forMs: number;
  /** Counts the faults. */
  onFault(fault: FaultName): void;
}

const EVERY_MS = 350;

/** Lets one thing fail every 350 ms, some of them at one time; settles when all of it works again. */
export async function rage({ target, crew, random, leaseMs, forMs, onFault }: Rage): Promise<void> {
  const { faults } = target;
  const draw = faultDeck(random, (fault) => isOfWorkers(fault) || faults[fault] !== undefined);
  const going: Promise<void>[] = [];
  let storeWorks = true;

  const isPossible = (fault: FaultName) => crew.canLose() && (isOfWorkers(fault) || storeWorks);

  async function strike(fault: FaultName): Promise<void> {
    if (fault === "worker killed") return crew.kill();
    // Longer than the lease was worth when it was renewed last.
    if (fault === "worker paused") return crew.pause(leaseMs * 1.2 + random.between(0, leaseMs));
    if (fault === "all killed") return crew.killAll();
    storeWorks = false;
    crew.struck();
    await faults[fault]?.(crew);
    crew.struck();
    storeWorks = true;
  }

  for (const endMs = performance.now() + forMs; performance.now() < endMs; ) {
    const fault = draw(isPossible);
    if (fault !== undefined) {
      onFault(fault);
      going.push(strike(fault));
    }
    await Promise.race([sleep(EVERY_MS), firstFailure(going)]);
  }
  await Promise.all(going);
}

function isOfWorkers(fault: FaultName): fault is WorkerFault {
  return fault === "worker killed" || fault === "worker paused" || fault === "all killed";
}

/** Rejects where one of them does; otherwise it never settles. */
function firstFailure(going: readonly Promise<void>[]): Promise<void> {
  return new Promise((_, reject) => {
    for (const each of going) each.catch(reject);
  });
}
