/** Every schedule of a small world. */

import { choices, isDecided } from "./choices.js";
import { isBusy } from "./faults.js";
import { type Found, tally } from "./found.js";
import { digest } from "./network.js";
import { healAndJudge, make, replay, retryAndJudge } from "./schedule.js";
import type { SimRecord } from "./sim-store.js";
import { type Settings, storeMs, type World } from "./world.js";

/**
 * Every schedule, depth first. A state that was reached before is not gone on from again; as nothing in the world can
 * be copied, each schedule but the first child of a state begins by making the choices that lead there once more.
 */
export async function everySchedule(settings: Settings, found: Found): Promise<void> {
  const seen = new Set<number>();
  const open: Path[] = [{ number: -1, before: undefined }];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const numbers = numbersOf(path);
    const world = await replay(settings, numbers);
    found.steps += numbers.length;
    const end = await descend(world, path, seen, open, found);
    if (end === undefined) continue;
    tally(found, world);
    found.states = seen.size;
    const broken = isDecided(world) ? await healAndJudge(world) : await retryAndJudge(world);
    if (broken.length === 0) continue;
    found.failure = { settings, numbers: numbersOf(end), broken };
    return;
  }
  found.states = seen.size;
}

/** A list of choices that shares its beginning with others. */
interface Path {
  readonly number: number;
  readonly before: Path | undefined;
}

function numbersOf(path: Path): number[] {
  const numbers: number[] = [];
  for (let at: Path = path; at.before !== undefined; at = at.before) numbers.push(at.number);
  return numbers.reverse();
}

/** Makes the first choice again and again, and keeps the others for later; the path to a new end, or to a broken rule. */
async function descend(
  world: World,
  start: Path,
  seen: Set<number>,
  open: Path[],
  found: Found,
): Promise<Path | undefined> {
  for (let path = start; ; path = { number: 0, before: path }) {
    if (world.violations.length > 0) return path;
    const state = stateOf(world);
    if (seen.has(state)) return undefined;
    seen.add(state);
    const possible = choices(world);
    const [first] = possible;
    if (first === undefined || isDecided(world)) return path;
    for (let other = possible.length - 1; other > 0; other -= 1) open.push({ number: other, before: path });
    found.steps += 1;
    await make(world, first);
  }
}

/** All that the future of a world, and the judgement of its past, depend on. Where nobody counts the time, it is left out. */
function stateOf(world: World): number {
  const { nowMs, processes, calls, limbo, steps, sent, faultsLeft, failedOver, ledger } = world;
  const busy = processes.some((process) => process.status !== "down" && isBusy(world, process));
  const parts = [
    busy ? nowMs : "",
    faultsLeft,
    failedOver,
    world.fresh,
    nowMs === world.faultMs,
    sent.length,
    processes.map(({ status, memory, inbox }) => `${status}${memory}${inbox.map(({ text }) => text)}`),
    calls.map(({ id }) => id).sort(),
    limbo.map(({ content }) => content).sort(),
    steps.map(({ process, phase }) => `${process.id}${phase}`).sort(),
    recordsText(world, world.records),
    failedOver ? "" : `${world.snapshots.length > 1} ${recordsText(world, world.snapshots.at(-1) ?? new Map())}`,
    ledger.text(),
    [...world.notes.values()].map((note) => `${note.completeFailed}${note.rewound}${note.lost}`),
    [...new Set(sent.map(({ answer }) => (answer?.executed === undefined ? answer?.body : "")))].sort(),
  ];
  return digest(parts.join("|"));
}

function recordsText(world: World, records: World["records"]): string {
  const text = ([key, { state, token, attempt, leaseEndsMs }]: [string, SimRecord]) =>
    `${key}${state}${token}${attempt}${state === "running" ? Math.max(0, leaseEndsMs - storeMs(world)) : ""}`;
  return [...records].map(text).join();
}
