import { setMaxListeners } from "node:events";
import { type Built, buildServer } from "./build-server.js";
import { type ContenderName, speaks, WAITERS } from "./contenders.js";
import type { Scenario, Sizes } from "./scenario.js";
import { SCENARIOS } from "./scenarios.js";
import { type Site, startSite } from "./site.js";

/** One cell: what the clients of a contender got, and how its process ended. */
export interface Measured {
  readonly scenario: Scenario;
  readonly name: ContenderName;
  readonly text: string;
  /** From the last byte of an answer, or from SIGTERM where none came after it, to the end of the process. */
  readonly endedAfterMs: number;
  /** An exit code, a signal, or `killed`. */
  readonly how: string;
  /** In what it fell short of what this library promises; only ours is to have none. */
  readonly misses: readonly string[];
}

/** What is asked of a run. */
export interface RunOptions {
  readonly contenders: readonly ContenderName[];
  readonly scenarios: readonly Scenario[];
  readonly sizes: Sizes;
  /** How long after SIGTERM a process of the others is killed; ours always has its grace. @default 2 s after the grace */
  readonly killOthersAfterMs?: number | undefined;
  readonly signal: AbortSignal;
  onMeasured(measured: Measured): void;
}

/** How many servers there are at a time where what they do is mostly waiting. */
const AT_A_TIME = 12;

interface Task {
  readonly scenario: Scenario;
  readonly name: ContenderName;
}

/** Measures every contender in every scenario, a fresh process each. Rejects where one cannot start, or at `signal`. */
export async function run(given: RunOptions): Promise<Measured[]> {
  const built = await buildServer();
  const trouble = new AbortController();
  const options = { ...given, signal: AbortSignal.any([given.signal, trouble.signal]) };
  setMaxListeners(0, options.signal);
  try {
    const tasks = tasksOf(options);
    const isAlone = ({ scenario }: Task) => scenario.isHeavy && !options.sizes.isSmall;
    const together = await measureTogether(built, [...tasks.filter((task) => !isAlone(task))], options);
    return [...together, ...(await measureAlone(built, tasks.filter(isAlone), options))];
  } finally {
    // Whatever still runs has been measured, or never will be.
    trouble.abort();
    await built.remove();
  }
}

/** In the order of the table. */
function tasksOf({ contenders, scenarios }: RunOptions): Task[] {
  return scenarios.flatMap((scenario) =>
    contenders
      .filter((name) => speaks(name, scenario.protocol) && (scenario.wait === "above" || WAITERS.includes(name)))
      .map((name) => ({ scenario, name })),
  );
}

/** Many at a time. */
async function measureTogether(built: Built, left: Task[], options: RunOptions): Promise<Measured[]> {
  const measured: Measured[] = [];
  async function worker(): Promise<void> {
    for (let task = left.shift(); task !== undefined; task = left.shift()) {
      measured.push(await (await begin(built, task, options)).result);
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return measured;
}

/** One after the other; only the end of a process, once its clients have what they get, is waited for beside the next. */
async function measureAlone(built: Built, tasks: readonly Task[], options: RunOptions): Promise<Measured[]> {
  const results: Promise<Measured>[] = [];
  for (const task of tasks) results.push((await begin(built, task, options)).result);
  return Promise.all(results);
}

/** Settles when the clients have what they get; the result follows when the process has ended. */
async function begin(
  built: Built,
  { scenario, name }: Task,
  { sizes, killOthersAfterMs, signal, onMeasured }: RunOptions,
): Promise<{ readonly result: Promise<Measured> }> {
  signal.throwIfAborted();
  const { protocol } = scenario;
  const wait = sizes.isSmall && scenario.wait === "above" ? "ample" : scenario.wait;
  const killAfterMs = name === "onceover" ? undefined : killOthersAfterMs;
  const site = await startSite(built, { name, protocol, wait, killAfterMs });
  const stop = () => void site.stop();
  signal.addEventListener("abort", stop);
  try {
    signal.throwIfAborted();
    const { text, misses } = await scenario.run(site, sizes);
    const result = endOf(site, scenario, sizes).then(({ ended, late }) => {
      signal.throwIfAborted();
      signal.removeEventListener("abort", stop);
      const measured = { scenario, name, text, ...ended, misses: [...misses, ...late] };
      onMeasured(measured);
      return measured;
    });
    // Whoever waits for it hears of it; one that nobody waits for yet must not end the bench.
    result.catch(() => {});
    return { result };
  } catch (error) {
    await site.stop();
    signal.throwIfAborted();
    throw new Error(`${scenario.title}, ${name}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

async function endOf(site: Site, { endsSoon }: Scenario, { soonMs }: Sizes) {
  const { atMs, how } = await site.ended;
  // A client that is behind may read the last answer when the process has gone.
  const endedAfterMs = Math.max(0, atMs - site.times().lastAnswerMs);
  const late = [
    ...(how === "0" ? [] : [`the process ended with ${how}`]),
    ...(endsSoon && endedAfterMs > soonMs ? [`the process ended ${endedAfterMs.toFixed(0)} ms late`] : []),
  ];
  return { ended: { endedAfterMs, how }, late };
}

/** The number of a row, as it is asked for. */
export function numberOf(scenario: Scenario): number {
  return SCENARIOS.indexOf(scenario) + 1;
}
