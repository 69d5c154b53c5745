/** What must hold at each step of a schedule, and how a schedule is judged in the end. */

import { checkHistory, type History } from "@onceover/test/history";
import type { Once } from "../../src/index.js";
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

/** In a transaction the store itself refuses the effect of a run whose right has ended. */
function ownsLease(world: World, once: Once): boolean {
  if (world.settings.transactional) return true;
  const key = storeKeyOf(world, once.effectKey("x"));
  const record = world.records.get(key);
  if (notesOf(world, key).rewound) return true;
  return record?.state === "running" && record.fence === once.fence && record.leaseEndsMs > storeMs(world);
}

/** An effect key says all of a store key but its scope. */
function storeKeyOf(world: World, effectKey: string): string {
  const [keyPart = ""] = effectKey.split(".");
  const known = [...world.records.keys(), ...world.notes.keys()];
  return known.find((key) => key.endsWith(keyPart)) ?? effectKey;
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
  const found = world.ledger.effects.find(({ id }) => id === effect);
  return found && storeKeyOf(world, found.effectKey);
}

/** Judges a world at rest: nothing is under way any more and no lease is left. */
export function judgeAtRest(world: World): string[] {
  return [...world.violations, ...freeKeysWithEffects(world), ...unknownsOfTransactions(world)];
}

function unknownsOfTransactions(world: World): string[] {
  if (!world.settings.transactional) return [];
  const held = [...world.records].filter(([, { state }]) => state !== "done");
  return held.map(([key]) => `nothing-is-unknown: ${key} has a record without an answer`);
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
    const key = storeKeyOf(world, effectKey);
    const state = world.records.get(key)?.state;
    const free = state === undefined || state === "abandoned";
    return free && !notesOf(world, key).lost ? [`key-is-settled: effect ${id} happened and its key is free`] : [];
  });
}

function historyOf(world: World): History {
  const { sent, ledger, records, notes } = world;
  const scopes = new Map(ledger.effects.map(({ effectKey, scope }) => [storeKeyOf(world, effectKey), scope]));
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
      ...(gone || process.status === "down" ? { owed: "nothing" as const } : {}),
    })),
    answers: sent.flatMap(({ id, answer }) => (answer === undefined ? [] : [historyAnswer(id, answer)])),
    effects: ledger.effects.map(({ request: arrival, ...effect }) => ({ ...effect, arrival, key: "k" })),
    unknowns: named(unknown),
    excused: named(excused.map(([key]) => key)),
  };
}

function historyAnswer(request: string, { status, body, executed, effect }: Received): History["answers"][number] {
  return {
    ...{ request, status, body: `${status} ${body}` },
    ...(executed === undefined ? {} : { executed }),
    ...(effect === undefined ? {} : { effect }),
  };
}
