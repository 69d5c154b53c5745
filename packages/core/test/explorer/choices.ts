/**
 * All that can happen next in a world.
 *
 * With `canonical`, orders that come to the same are offered once. Exact reductions, which hide no outcome:
 *
 *  1. A handler's effect is made before any other move, and its answer before anything at all: they touch nothing
 *     that another process sees (the ledger is looked at only by `recover`; with it the effect is a move like any
 *     other). A crash between the two is the crash after them in which what was sent is lost.
 *  2. A call for a run that the store can never know again is answered `stale` whenever it comes: it is delivered at
 *     once, or lost at once. Its own faults are still offered.
 *  3. A call whose caller has given up waits until there is another call that it could come before, or for the end; a
 *     renewal says nothing that it could change, but how long the same run's lease still is.
 *  4. Processes that were never used are alike, a process in which nothing goes on is its cache (schedule.ts), and
 *     which wakes first, a sleeper's timers or its replies, is asked only where it has replies.
 *  5. A look at the store that nobody hears of is a look that never was: it is lost in one way only.
 *
 * Bounds, which say what "every schedule" means:
 *
 *  6. Requests are sent at the start, right after a fault, or when the world is at rest: nothing under way and no lease
 *     left. At rest, what can go on does before time passes.
 *  7. A process falls asleep before its handler takes effect or over an acquire or a complete, and sleeps until no
 *     lease is left; what it had sent arrives in the instant in which a fault happened, or after it wakes.
 *  8. Time passes over work that is to be done only where no call is under way; over a call, `late` stands for it.
 *
 * Random schedules know neither reductions nor bounds.
 */

import { type Choice, move } from "./choice.js";
import { callFaults, faults, processFaults } from "./faults.js";
import { handOver, remember, without } from "./network.js";
import { serve, startProcess } from "./process.js";
import { leaseEndsMs, nextInstantMs, passTime } from "./time.js";
import { type Call, count, type Deed, type HandlerStep, type Process, type World } from "./world.js";

/**
 * All that can happen next; none where the schedule is at its end. The order is part of a schedule: it never changes.
 * Whoever wants one of them need not have those behind it looked for.
 */
export function choices(world: World, wanted = Number.POSITIVE_INFINITY): Choice[] {
  const { canonical, recover } = world.settings;
  const deeds = handlerDeeds(world);
  const [first] = deeds;
  if (canonical && first !== undefined) {
    if (first.kind === "answer") return [first];
    if (recover === "none") return [first, ...faults(world, true)];
  }
  const settled = canonical ? foregone(world) : [];
  if (settled.length > 0) return settled;
  const calls = deliveries(world);
  const awake = deeds.length > 0 || calls.some(({ kind }) => kind === "deliver");
  const free = [...calls, ...deeds, ...rest(world, awake)];
  return free.length > wanted ? free : [...free, ...faults(world, awake)];
}

/** What is not urgent. */
function rest(world: World, awake: boolean): Choice[] {
  const atRest = isAtRest(world, awake);
  const found = [...wakings(world), ...sendings(world, atRest)];
  const waits = !awake && nextInstantMs(world) !== undefined && !(atRest && found.length > 0);
  if (waits) found.push(move(world, "time passes", "", () => passTime(world)));
  return [...lateDeliveries(world), ...found, ...hangUps(world)];
}

/** Where every order counts, the world is never said to be at rest. */
function isAtRest(world: World, awake: boolean): boolean {
  return world.settings.canonical && !awake && leaseEndsMs(world).length === 0;
}

function handlerDeeds(world: World): Choice[] {
  return world.steps
    .filter(({ process }) => process.status === "up")
    .flatMap((step) =>
      deedsOf(world, step).map((deed) => move(world, deed, step.id, () => perform(world, step, deed))),
    );
}

function deedsOf({ settings }: World, { phase }: HandlerStep): Deed[] {
  if (phase === "end") return settings.whims ? ["end", "cut"] : ["end"];
  if (phase === "answer") return settings.whims ? ["answer", "fail"] : ["answer"];
  return settings.whims ? ["effect", "fail", "abandon", "cut"] : ["effect"];
}

function perform(world: World, step: HandlerStep, deed: Deed): void {
  world.steps = without(world.steps, step);
  count(world, deed);
  remember(world, step.process, deed);
  step.go(deed);
}

/** Reduction 2. */
function foregone(world: World): Choice[] {
  const late = world.limbo.find((call) => isPastHope(world, call));
  if (late !== undefined) return [lateDelivery(world, late)];
  const call = world.calls.find((each) => each.from.status === "up" && isPastHope(world, each));
  if (call === undefined) return [];
  if (world.faultsLeft === 0) return [delivery(world, call)];
  return [delivery(world, call), ...callFaults(world, call), ...processFaults(world, call.from)];
}

/** Whether the run that the call speaks for is over in the store, and nothing can bring it back. */
function isPastHope(world: World, { key, token }: Call): boolean {
  if (token === undefined || world.records.get(key)?.token === token) return false;
  const claims = ({ content }: Call) => content.startsWith("acquire") && content.includes(` ${token} `);
  if (world.calls.some(claims) || world.limbo.some(claims)) return false;
  const mayGoBack = !world.failedOver && world.faultsLeft > 0;
  return !mayGoBack || !world.snapshots.some((records) => records.get(key)?.token === token);
}

/**
 * Whether all that is left is the same in whatever order it is taken: each record is done, nothing can undo it, no
 * handler is at work and no process holds back what it heard before. Every answer of the store is fixed from here.
 */
export function isDecided({ faultsLeft, steps, records, processes }: World): boolean {
  if (faultsLeft > 0 || steps.length > 0 || records.size === 0) return false;
  for (const { state } of records.values()) if (state !== "done") return false;
  return processes.every(({ status }) => status !== "paused");
}

function deliveries(world: World): Choice[] {
  const { canonical } = world.settings;
  return world.calls
    .filter(({ from }) => from.status === "up" || !canonical || world.nowMs === world.faultMs)
    .map((call) => delivery(world, call));
}

function delivery(world: World, call: Call): Choice {
  const kind = call.from.status === "up" ? "deliver" : "deliver to a sleeper";
  return move(world, kind, call.id, () => {
    world.calls = without(world.calls, call);
    handOver(world, call.from, call.apply());
  });
}

/** Reduction 3. */
function lateDeliveries(world: World): Choice[] {
  const nothingToPrecede = world.calls.every(isRenewal) && nextInstantMs(world) !== undefined;
  if (world.settings.canonical && nothingToPrecede) return [];
  return world.limbo.map((call) => lateDelivery(world, call));
}

function isRenewal({ content }: Call): boolean {
  return content.startsWith("renew");
}

function lateDelivery(world: World, call: Call): Choice {
  return move(world, "apply late", call.id, () => {
    world.limbo = without(world.limbo, call);
    call.apply();
  });
}

/** Reduction 4, bound 7. */
function wakings(world: World): Choice[] {
  if (world.settings.canonical && leaseEndsMs(world).length > 0) return [];
  return world.processes
    .filter(({ status }) => status === "paused")
    .flatMap((process) => {
      const timersFirst = move(world, "resume", process.id, () => wake(process, false));
      if (process.inbox.length === 0) return [timersFirst];
      return [timersFirst, move(world, "resume, replies first", process.id, () => wake(process, true))];
    });
}

function wake(process: Process, repliesFirst: boolean): void {
  process.status = "up";
  process.repliesFirst = repliesFirst;
}

/** Bound 6. */
function sendings(world: World, atRest: boolean): Choice[] {
  const { canonical, processes } = world.settings;
  if (world.sent.length === world.requests.length || (canonical && !world.fresh && !atRest)) return [];
  const alive = world.processes.filter(({ status }) => status !== "down");
  const found = alive.map((process) => sending(process.id, () => send(world, process)));
  if (alive.length < processes) found.push(sending("a new process", () => send(world, startProcess(world))));
  return found;
}

/** Sending is the one move after which the others at the start, or after a fault, may still be sent. */
function sending(subject: string, act: () => void): Choice {
  return { kind: "send to", fault: false, subject, act };
}

/** Sends the next request of the list. */
export function send(world: World, process: Process): void {
  const payload = world.requests[world.sent.length];
  if (payload === undefined) return;
  const id = `q${world.sent.length + 1}`;
  const request = { ...payload, id, process, gone: false, over: false, answer: undefined };
  world.sent.push(request);
  const text = `request ${payload.scope} ${payload.payload}`;
  // Nobody awaits it; where it rejects, the unhandled rejection is what the schedule is failed for.
  handOver(world, process, { text, enter: () => void serve(world, request) });
}

const MOST_REQUESTS = 6;

/** The client gives up waiting and sends again; the run is told nothing. */
function hangUps(world: World): Choice[] {
  if (!world.settings.whims || world.requests.length >= MOST_REQUESTS) return [];
  return world.sent
    .filter(({ gone, answer, process }) => !gone && answer === undefined && process.status !== "down")
    .map((request) =>
      move(world, "hang up", request.id, () => {
        count(world, "hang up");
        request.gone = true;
        world.requests.push({ scope: request.scope, payload: request.payload });
      }),
    );
}
