/** What can go wrong next. */

import type { Choice } from "./choice.js";
import { enter, toLimbo, without } from "./network.js";
import { nextInstantMs, passTime } from "./time.js";
import { type Call, count, type Fault, notesOf, type Process, type World } from "./world.js";

/** All faults that are possible now; `awake` says that a process is at work. */
export function faults(world: World, awake: boolean): Choice[] {
  if (world.faultsLeft === 0) return [];
  const found: Choice[] = [];
  for (const call of world.calls) if (call.from.status === "up") found.push(...callFaults(world, call));
  for (const process of world.processes) {
    if (process.status === "up" && isBusy(world, process)) found.push(...processFaults(world, process));
  }
  return [...found, ...(awake ? stalls(world) : []), ...failOvers(world)];
}

/** Its request is lost, or its reply, or its caller gives up before it arrives. */
export function callFaults(world: World, call: Call): Choice[] {
  const lose = (kind: Fault, meanwhile: () => void) =>
    fault(world, kind, call.id, () => {
      world.calls = without(world.calls, call);
      meanwhile();
      enter(world, call.from, call.fail);
    });
  const lost = lose("drop-request", () => {});
  if (world.settings.canonical && isRead(call)) return [lost];
  return [lost, lose("drop-reply", () => void call.apply()), lose("late", () => world.limbo.push(call))];
}

/** It dies, and what it had sent is lost or arrives some day; or it falls asleep. */
export function processFaults(world: World, process: Process): Choice[] {
  const calls = world.calls.filter(({ from }) => from === process);
  const found = [fault(world, "crash", `${process.id}, what it sent is lost`, () => crash(world, process))];
  if (calls.some((call) => !world.settings.canonical || !isRead(call))) {
    const keep = () => {
      for (const call of calls) toLimbo(world, call);
      crash(world, process);
    };
    found.push(fault(world, "crash", `${process.id}, what it sent arrives some day`, keep));
  }
  if (mayPause(world, process)) found.push(fault(world, "pause", process.id, () => pause(process)));
  return found;
}

/** A look changes nothing: reduction 5. */
function isRead({ content }: Call): boolean {
  return content.startsWith("read");
}

function crash(world: World, process: Process): void {
  process.status = "down";
  process.timers = [];
  process.inbox = [];
  world.calls = world.calls.filter(({ from }) => from !== process);
  world.steps = world.steps.filter((step) => step.process !== process);
}

function pause(process: Process): void {
  process.status = "paused";
}

/** Bound 7. */
function mayPause(world: World, process: Process): boolean {
  if (!world.settings.canonical || world.steps.some((step) => step.process === process)) return true;
  return world.calls.some(({ from, content }) => from === process && /^(acquire|complete)/.test(content));
}

/** Time passes though there is work to do. Bound 8. */
function stalls(world: World): Choice[] {
  if (nextInstantMs(world) === undefined || (world.settings.canonical && world.calls.length > 0)) return [];
  return [fault(world, "stall", "while there is work to do", () => passTime(world))];
}

/** Back to the state before the last write, or to that before the first. */
function failOvers(world: World): Choice[] {
  const { snapshots } = world;
  if (world.failedOver || snapshots.length === 0) return [];
  return [...new Set([snapshots.length - 1, 0])].map((index) =>
    fault(world, "fail-over", `loses ${snapshots.length - index} writes`, () => failOver(world, index)),
  );
}

function failOver(world: World, index: number): void {
  const before = world.records;
  const after = world.snapshots[index] ?? new Map();
  for (const [key, record] of before) {
    const left = after.get(key);
    if (left === record) continue;
    const notes = notesOf(world, key);
    notes.rewound = true;
    if (left?.fence !== record.fence) notes.lost = true;
  }
  world.records = after;
  world.failedOver = true;
}

/** A process in which nothing is going on is told from one that is gone by nobody: it has no faults of its own. */
export function isBusy(world: World, process: Process): boolean {
  return (
    process.inbox.length > 0 ||
    process.timers.length > 0 ||
    world.calls.some(({ from }) => from === process) ||
    world.steps.some((step) => step.process === process)
  );
}

function fault(world: World, kind: Fault, subject: string, happen: () => void): Choice {
  const act = () => {
    world.faultsLeft -= 1;
    count(world, kind);
    happen();
    world.fresh = true;
    world.faultMs = world.nowMs;
  };
  return { kind, fault: true, subject, act };
}
