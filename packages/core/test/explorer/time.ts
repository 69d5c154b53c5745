import { storeMs, type World } from "./world.js";

/** The next time at which anything happens by itself: a timer of a process that is awake, or the end of a lease. */
export function nextInstantMs(world: World): number | undefined {
  const instants = leaseEndsMs(world);
  for (const { status, timers } of world.processes) {
    if (status === "up") for (const { atMs } of timers) instants.push(atMs);
  }
  return instants.length === 0 ? undefined : Math.min(...instants);
}

/** When the leases end that have not ended yet. */
export function leaseEndsMs(world: World): number[] {
  const nowMs = storeMs(world);
  const ends: number[] = [];
  for (const { state, leaseEndsMs } of world.records.values()) {
    if (state === "running" && leaseEndsMs > nowMs) ends.push(world.nowMs + leaseEndsMs - nowMs);
  }
  for (const { leaseEndsMs } of world.open.values()) {
    if (leaseEndsMs > nowMs) ends.push(world.nowMs + leaseEndsMs - nowMs);
  }
  return ends;
}

/** Lets time pass to the next instant. What is due then is done by `make` (schedule.ts). */
export function passTime(world: World): void {
  world.nowMs = Math.max(world.nowMs, nextInstantMs(world) ?? 0);
}
