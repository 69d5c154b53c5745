import type { Begun, Store, Transaction } from "@onceover/core";
import { expect } from "vitest";
import {
  asking,
  bytesOf,
  expectOutcome,
  newKey,
  newToken,
  type Run,
  type StoreHarness,
  type TransactionEffects,
} from "./store-harness.js";

/** Longer than a case may take, so that it cannot pass by waiting. */
export const LONG_WAIT_MS = 300_000;
/** Less than any store waits. */
export const SHORT_WAIT_MS = 20;
const PATIENCE_MS = 30_000;
/** What the runs record. */
export const RECORD = bytesOf("paid");

/** A run inside a transaction. */
export interface OpenRun extends Run {
  readonly transaction: Transaction;
}

/** Begins a run of a key that must be free. */
export async function open(store: Store, key = newKey(), token = newToken()): Promise<OpenRun> {
  const { fence, attempt, transaction } = expectOutcome(await beginOf(store)(asking(key, token), 0), "acquired");
  return { key, token, fence, attempt, transaction };
}

/** The verb, which must be there. */
export function beginOf({ begin }: Store): NonNullable<Store["begin"]> {
  if (begin === undefined) throw new TypeError("begin must be there where capabilities.transactions is true");
  return begin;
}

/** The effects, which must be given. */
export function effectsOf({ effects }: StoreHarness): TransactionEffects {
  if (effects === undefined) throw new TypeError("effects must be given where capabilities.transactions is true");
  return effects;
}

/** Begins again until the outcome is another one than running: a store waits for less than a caller may. */
export async function beginPatiently(store: Store, request: ReturnType<typeof asking>): Promise<Begun> {
  const endMs = performance.now() + PATIENCE_MS;
  while (performance.now() < endMs) {
    const found = await beginOf(store)(request, LONG_WAIT_MS);
    if (found.outcome !== "running") return found;
    // A store that does not wait must not keep everybody else from going on.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`a key was still running after ${PATIENCE_MS} ms`);
}

/** Begins, sees that the call waits, lets `end` end what it waits for, and answers what it found. */
export async function beginMeanwhile(
  { store, second }: StoreHarness,
  run: OpenRun,
  end: () => Promise<unknown>,
): Promise<Begun> {
  const other = await second();
  const request = asking(run.key, newToken());
  let isSettled = false;
  const waiting = beginOf(other)(request, LONG_WAIT_MS).finally(() => {
    isSettled = true;
  });
  // Long enough for others to be answered, and for less than any store waits.
  for (let asked = 0; asked < 2; asked++) await store.read(newKey());
  await new Promise((resolve) => setTimeout(resolve, SHORT_WAIT_MS));
  expect(isSettled, "begin() waits").toBe(false);
  await end();
  const found = await waiting;
  return found.outcome === "running" ? beginPatiently(other, request) : found;
}
