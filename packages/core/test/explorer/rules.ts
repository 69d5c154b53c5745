/** What must hold at each step of a schedule, and how a schedule is judged in the end. */

import type { Once } from "../../src/index.js";
import { checkHistory, type History } from "./history.js";
import { isUnknown } from "./sim-store.js";
import { notesOf, type Received, type Sent, storeMs, type World } from "./world.js";

/**
 * A run whose signal is not aborted owns the lease in the store. At most one run owns it, so no two runs whose
 * signals are silent take effect at one time. Does not hold where a fail-over took the store back.
 */
export function checkLease(world: World, request: Sent, once: Once): void {
  if (ownsLease(world, once) || once.signal.aborted) return;
  world.violations.push(`lease-held: ${request.id} takes effect without its lease, and its signal is silent`);
}

/** A run begins only while its lease lasts: a process that slept over it must not begin what another may have begun. */
export function checkStart(world: World, request: Sent, once: Once): void {
  if (!ownsLease(world, once)) world.violations.push(`lease-held: the run of ${request.id} begins without its lease`);
}

function ownsLease(world: World, once: Once): boolean {
  const key = storeKeyOf(once);
  const record = world.records.get(key);
  if (notesOf(world, key).rewound) return true;
  return record?.state === "running" && record.fence === once.fence && record.leaseEndsMs > storeMs(world);
}

function storeKeyOf(once: Once): string {
  return once.effectKey("x").slice(0, -2);
}

/** A final answer leaves only when it is recorded, unless the store failed to take the record. */
export function checkAnswered(world: World, request: Sent, { status, effect }: Received): void {
  if (status !== 200) return;
  const key = keyOf(world, effect);
  if (key === undefined) return;
  const { completeFailed, rewound } = notesOf(world, key);
  if (completeFailed || rewound || world.records.get(key)?.state === "done") return;
  world.violations.push(`record-first: ${request.id} is answered 200 before its answer is recorded`);
}

function keyOf(world: World, effect: string | undefined): string | undefined {
  return world.ledger.effects.find(({ id }) => id === effect)?.effectKey.replace(/\.charge$/, "");
}

/** Judges a world at rest: nothing is under way any more and no lease is left. */
export function judgeAtRest(world: World): string[] {
  return [...world.violations, ...freeKeysWithEffects(world)];
}

/** Judges a schedule when it is healed, and each request was sent once more. */
export function judge(world: World): string[] {
  const broken = checkHistory(historyOf(world)).map(({ rule, detail }) => `${rule}: ${detail}`);
  return [...judgeAtRest(world), ...broken];
}

/** With effects that cannot be repeated, a key that is free stands for no effect. */
function freeKeysWithEffects(world: World): string[] {
  if (world.settings.effects === "repeatable") return [];
  return world.ledger.effects.flatMap(({ id, effectKey }) => {
    const key = effectKey.replace(/\.charge$/, "");
    const state = world.records.get(key)?.state;
    const free = state === undefined || state === "abandoned";
    return free && !notesOf(world, key).lost ? [`key-is-settled: effect ${id} happened and its key is free`] : [];
  });
}

function historyOf(world: World): History {
  const { sent, ledger, records, notes } = world;
  const scopes = new Map(ledger.effects.map(({ effectKey, scope }) => [effectKey.replace(/\.charge$/, ""), scope]));
  const named = (keys: Iterable<string>) =>
    [...keys].flatMap((key) => {
      const scope = scopes.get(key);
      return scope === undefined ? [] : [{ scope, key: "k" }];
    });
  const unknown = [...records].filter(([, record]) => isUnknown(record, storeMs(world))).map(([key]) => key);
  const excused = [...notes].filter(
    ([, note]) => note.lost || (world.settings.body === "run" && (note.completeFailed || note.rewound)),
  );
  return {
    requests: sent.map(({ id, scope, payload, gone, process }) => ({
      ...{ id, scope, payload, key: "k" },
      gone: gone || process.status === "down",
    })),
    answers: sent.flatMap(({ id, answer }) => (answer === undefined ? [] : [historyAnswer(id, answer)])),
    effects: ledger.effects.map(({ id, scope, payload, request }) => ({ id, scope, payload, request, key: "k" })),
    unknowns: named(unknown),
    lost: named(excused.map(([key]) => key)),
  };
}

function historyAnswer(request: string, { status, body, executed, effect }: Received): History["answers"][number] {
  return {
    ...{ request, status, body: `${status} ${body}` },
    ...(executed === undefined ? {} : { executed }),
    ...(effect === undefined ? {} : { effect }),
  };
}
