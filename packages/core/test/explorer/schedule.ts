/** Runs schedules: by a list of choices, and to the end. */

import { type Choice, tellChoice } from "./choice.js";
import { choices, send } from "./choices.js";
import { isBusy } from "./faults.js";
import { digest, enter, remember } from "./network.js";
import { startProcess } from "./process.js";
import { judge, judgeAtRest } from "./rules.js";
import { createWorld, type Process, type Settings, type Timer, type World } from "./world.js";

let drained = () => {};
const onDrained = () => drained();

/**
 * Waits until no promise has anything left to do: a macrotask runs only when the queue of microtasks is empty. One
 * callback for all, because an immediate that has run still holds the next one, and would hold its world with it.
 */
function drain(): Promise<void> {
  return new Promise((resolve) => {
    drained = resolve;
    setImmediate(onDrained);
  });
}

/** Makes a choice and all that follows from it without another one. */
export async function make(world: World, choice: Choice): Promise<void> {
  choice.act();
  await drain();
  while (goOn(world)) await drain();
  if (world.settings.canonical) for (const process of world.processes) forgetThePast(world, process);
}

/**
 * A process in which nothing goes on and nobody waits has no memory but its cache, and a dead one has none: how it got
 * there makes no difference any more.
 */
function forgetThePast(world: World, process: Process): void {
  if (process.status === "down") process.memory = 0;
  else if (!isBusy(world, process) && world.sent.every((request) => request.process !== process || request.over)) {
    process.memory = digest(`idle ${process.cached}`);
  }
}

/** Does one thing that is due by itself: a reply that was waiting for its process to wake, or a timer. */
function goOn(world: World): boolean {
  for (const process of world.processes) {
    if (process.status !== "up") continue;
    const due = nextDue(process, world.nowMs);
    const [input] = process.inbox;
    if (input !== undefined && (process.repliesFirst || due === undefined)) {
      process.inbox.shift();
      enter(world, process, input);
      return true;
    }
    if (due === undefined) continue;
    fire(world, process, due);
    return true;
  }
  return false;
}

function nextDue({ timers }: Process, nowMs: number): Timer | undefined {
  let first: Timer | undefined;
  for (const timer of timers) {
    if (timer.atMs <= nowMs && (first === undefined || timer.atMs < first.atMs)) first = timer;
  }
  return first;
}

function fire(world: World, process: Process, timer: Timer): void {
  process.timers = process.timers.filter((each) => each !== timer);
  remember(world, process, `timer ${timer.id}`);
  timer.fire();
}

/** Lets everything that is under way come to its end without another fault. */
export async function heal(world: World): Promise<void> {
  world.faultsLeft = 0;
  for (let steps = 0; ; steps += 1) {
    const [next] = choices(world, 0).filter(({ kind }) => kind !== "hang up");
    if (next === undefined) return;
    if (steps > MOST_STEPS) return void world.violations.push("request-is-answered: the world never comes to rest");
    await make(world, next);
  }
}

const MOST_STEPS = 2000;

/** Judges a world in which each record is done for good: a retry would be given it, so that none need be sent. */
export async function healAndJudge(world: World): Promise<string[]> {
  await heal(world);
  return judge(world).filter((broken) => !broken.startsWith("key-is-settled"));
}

/** Sends each request once more to a fresh process, and judges. */
export async function retryAndJudge(world: World): Promise<string[]> {
  await heal(world);
  const before = judgeAtRest(world);
  if (before.length > 0) return before;
  world.requests.length = world.sent.length;
  const fresh = startProcess(world);
  for (const payload of distinct(world.settings.requests)) {
    world.requests.push(payload);
    await make(world, { kind: "send to", fault: false, subject: "", act: () => send(world, fresh) });
    await heal(world);
  }
  return judge(world);
}

function distinct<T extends object>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}

/** Runs the choices with these numbers, from the beginning; `say` is told each one. */
export async function replay(
  settings: Settings,
  numbers: readonly number[],
  say: (what: string) => void = () => {},
): Promise<World> {
  const world = createWorld(settings);
  for (const number of numbers) {
    const choice = choices(world, number)[number];
    if (choice === undefined)
      throw new RangeError(`the schedule has no choice ${number} here: it was made for other settings`);
    say(`${world.nowMs} ms: ${tellChoice(choice)}`);
    await make(world, choice);
  }
  return world;
}
