import { until } from "@onceover/test/wait";
import type { Random } from "../../examples/storm/random.js";
import { countEvent, type Tally } from "../../examples/storm/tally.js";
import { startWorkers } from "../../examples/storm/workers.js";
import { createClaims } from "./claims.js";
import type { WorkerSettings } from "./worker.js";

/** The worker processes, which are started again whenever they end. */
export interface Crew {
  /** Ports of the workers that are up, whether they answer or not. */
  ports(): readonly number[];
  /** Whether one of them may fail: another one serves. */
  canLose(): boolean;
  /** SIGKILL to one that serves; settles when it serves again. */
  kill(): Promise<void>;
  /** SIGKILL to all of them, paused or not; settles when all serve again. */
  killAll(): Promise<void>;
  /** SIGSTOP to one that serves, and SIGCONT after this time. */
  pause(ms: number): Promise<void>;
  /** Something fails that all of them need; call it when it begins and when it ends. */
  struck(): void;
  /** How many runs were in flight at a fault, so far: only they may have an outcome that nobody knows. */
  struckCount(): number;
  /** How many workers ended though nobody killed them, so far. */
  crashCount(): number;
  close(): Promise<void>;
}

/** What it takes to start a crew. */
export interface CrewOptions {
  /** The worker's program. */
  readonly file: string;
  readonly settings: WorkerSettings;
  readonly tally: Tally;
  readonly random: Random;
}

const SIZE = 3;
const WORKERS = Array.from({ length: SIZE }, (_, index) => index);
const LONGEST_START_MS = 60_000;

/** Starts the workers; settles when all of them serve. Rejects with what a worker says that cannot start. */
export async function startCrew({ file, settings, tally, random }: CrewOptions): Promise<Crew> {
  const claims = createClaims(SIZE);
  const starts = WORKERS.map(() => 0);
  const away = new Set<number>();
  const killed = new Set<number>();
  let crashes = 0;
  let failure: string | undefined;
  const workers = startWorkers({
    count: SIZE,
    program: [process.execPath, file],
    args: () => [JSON.stringify(settings)],
    onReady(worker) {
      const before = starts[worker] ?? 0;
      if (before > 0 && !killed.delete(worker)) crashes += 1;
      claims.forget(worker);
      starts[worker] = before + 1;
    },
    onEvent: (event) => countEvent(tally, event),
    onNote: claims.hear,
    onFailure(message) {
      failure = message;
    },
  });

  const startedSince = (worker: number, before: number) =>
    until(
      "the worker serves",
      () => {
        if (failure !== undefined) throw new Error(failure);
        return (starts[worker] ?? 0) > before;
      },
      LONGEST_START_MS,
    );

  async function killOne(worker: number): Promise<void> {
    const before = starts[worker] ?? 0;
    away.add(worker);
    killed.add(worker);
    claims.struck([worker]);
    workers.kill(worker);
    await startedSince(worker, before);
    away.delete(worker);
  }

  function draw(): number {
    const [first = 0, ...others] = WORKERS.filter((worker) => !away.has(worker));
    return random.pick([first, ...others]);
  }

  await Promise.all(WORKERS.map((worker) => startedSince(worker, 0)));
  return {
    ports: workers.ports,
    canLose: () => away.size < SIZE - 1,
    kill: () => killOne(draw()),
    async killAll() {
      await Promise.all(WORKERS.map(killOne));
    },
    async pause(ms) {
      const worker = draw();
      away.add(worker);
      claims.struck([worker]);
      workers.pause(worker);
      await new Promise((resolve) => setTimeout(resolve, ms));
      workers.resume(worker);
      claims.struck([worker]);
      away.delete(worker);
    },
    struck: () => claims.struck(WORKERS),
    struckCount: claims.struckCount,
    crashCount: () => crashes,
    close: workers.close,
  };
}
