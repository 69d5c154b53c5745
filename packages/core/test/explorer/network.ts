/** The way between a process and the store: calls wait until a choice delivers, loses or delays them. */

import type { Store, StoreVerb } from "../../src/index.js";
import type { Maybe, Step } from "./sim-store.js";
import { beginFor } from "./transactions.js";
import { type Call, EPOCH_MS, type Input, notesOf, type Process, storeMs, type World } from "./world.js";

/** How long a caller waits for the store, in milliseconds; less than a lease, as every store's own deadline should be. */
export const CALL_TIMEOUT_MS = 15;

/** The store as one process sees it. */
export function storeFor(world: World, process: Process): Store {
  const { rules, transactional } = world.settings;
  const at = () => ({ storeMs: storeMs(world), callerMs: callerMs(world, process) });
  const call = <T>(verb: StoreVerb, key: string, content: string, step: (found: Maybe) => Step<T>) =>
    send(world, process, { verb, key, content }, step);
  return {
    name: "simulated",
    ...(transactional ? { begin: beginFor(world, process) } : {}),
    acquire: (request) =>
      call("acquire", request.key, `${request.token} ${request.fingerprint} ${request.takeOver}`, (found) =>
        rules.acquire(found, request, at()),
      ),
    renew: (key, token, leaseMs) => call("renew", key, token, (found) => rules.renew(found, token, leaseMs, at())),
    complete: (key, token, record, retentionMs) =>
      call("complete", key, token, (found) => rules.complete(found, token, record, retentionMs, at())),
    abandon: (key, token) => call("abandon", key, token, (found) => rules.abandon(found, token, at())),
    read: (key) => call("read", key, "", (found) => rules.read(found, at())),
    forget: async () => "none",
    forgetScope: async () => ({ forgotten: 0 }),
    unknowns: async () => ({ items: [] }),
    verify: async () => ({ tier: "T1", findings: [] }),
    close: async () => {},
  };
}

/** A process's own calendar: every second one is ten minutes ahead. */
export function callerMs(world: World, process: Process): number {
  return EPOCH_MS + world.nowMs + (process.index % 2) * 600_000;
}

interface Asked {
  readonly verb: StoreVerb;
  readonly key: string;
  readonly content: string;
}

/** Puts a call on its way; the answer comes, or does not, as choices say. */
export function send<T>(
  world: World,
  from: Process,
  { verb, key, content }: Asked,
  step: (found: Maybe) => Step<T>,
): Promise<T> {
  from.serials += 1;
  const id = `${from.id}.${verb}#${from.serials}`;
  return new Promise<T>((resolve, reject) => {
    let open = true;
    const settle = (then: () => void) => {
      if (open) then();
      open = false;
      from.timers = from.timers.filter((timer) => timer !== deadline);
    };
    const failed = () => {
      if (open && verb === "complete") notesOf(world, key).completeFailed = true;
      settle(() => reject(NO_ANSWER));
    };
    const call: Call = {
      id,
      content: `${verb} ${key} ${content}`,
      key,
      token: verb === "acquire" || verb === "read" ? undefined : content,
      from,
      fail: { text: `${id} fails`, enter: failed },
      apply() {
        const answer = applyTo(world, key, step);
        const { state, token } = world.records.get(key) ?? {};
        const learn = () => {
          if (state === "done" && open && verb === "acquire") from.cached = `${key}${token}`;
          settle(() => resolve(answer));
        };
        return { text: `${id}:${answerText(answer, token)}`, enter: learn };
      },
    };
    const deadline = { id: from.serials, atMs: world.nowMs + CALL_TIMEOUT_MS, fire: () => timeOut(world, call) };
    from.timers.push(deadline);
    world.calls.push(call);
  });
}

/** One for all: a stack trace for each would cost more than the schedule. */
const NO_ANSWER = new Error("the store did not answer");

/** The caller gives up; the call may still arrive. */
function timeOut(world: World, call: Call): void {
  if (world.calls.includes(call)) toLimbo(world, call);
  call.fail.enter();
}

/** Takes a call from those whose caller waits to those that are merely under way. */
export function toLimbo(world: World, call: Call): void {
  world.calls = without(world.calls, call);
  world.limbo.push(call);
}

function applyTo<T>(world: World, key: string, step: (found: Maybe) => Step<T>): T {
  const found = world.records.get(key);
  const { answer, after } = step(found);
  if (after === found) return answer;
  const records = new Map(world.records);
  if (after === undefined) records.delete(key);
  else records.set(key, after);
  world.snapshots.push(world.records);
  world.records = records;
  return answer;
}

/** An answer as text; the bytes of a record are told by the token of the run that completed it. */
function answerText(answer: unknown, token: string | undefined): string {
  if (typeof answer === "string") return answer;
  const {
    record,
    transaction: _,
    ...rest
  } = answer as { readonly record?: Uint8Array; readonly transaction?: unknown };
  return record === undefined ? Object.values(rest).join() : `done ${token}`;
}

/** Hands something to a process: at once, when it wakes, or never. */
export function handOver(world: World, process: Process, input: Input): void {
  if (process.status === "up") enter(world, process, input);
  else if (process.status === "paused") process.inbox.push(input);
}

/** Lets something in, and remembers that and when it came. */
export function enter(world: World, process: Process, input: Input): void {
  remember(world, process, input.text);
  input.enter();
}

/** Adds to the digest of what entered the process. */
export function remember(world: World, process: Process, text: string): void {
  if (world.settings.canonical) process.memory = digest(`${process.memory}@${world.nowMs} ${text}`);
}

/** 53 bits of a text (cyrb53): two of a million texts agree by accident with a probability of about 1 in 10,000. */
export function digest(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

/** The list without one of its items. */
export function without<T>(list: readonly T[], item: T): T[] {
  return list.filter((each) => each !== item);
}
