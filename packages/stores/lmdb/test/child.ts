/** Another process on the file: does what it is told over IPC. */
import { OnceoverError, type OwnerToken, type Store, type StoreKey } from "@onceover/core";
import type { RevisionRegistry } from "@onceover/core/revisions";
import { open } from "lmdb";
import { lmdbRegistry, lmdbStore } from "../src/index.js";
import { asking } from "./asking.js";
import type { Answer, Order, RegistryVerb, StoreVerb } from "./other-process.js";

const stores = new Map<string, Store>();
const registries = new Map<string, RevisionRegistry>();

process.on("message", (order: Order) => {
  void obey(order).then(
    (value) => tell({ id: order.id, value }),
    (error: unknown) => tell({ id: order.id, failure: failureOf(error) }),
  );
});

async function obey(order: Order): Promise<unknown> {
  switch (order.order) {
    case "call":
      return callStore(storeOf(order.path), order.verb, order.args);
    case "call-registry":
      return callRegistry(registryOf(order.path), order.verb, order.args);
    case "close-registry":
      return closeRegistry(order.path);
    case "close":
      return closeStore(order.path);
    case "acquire-all":
      return acquireAll(storeOf(order.path), order.keys);
    case "load":
      return loadFor(storeOf(order.path), order.id);
    case "stop-inside-lock":
      return stopInsideLock(order.path);
    // no default
  }
}

function storeOf(path: string): Store {
  const store = stores.get(path) ?? lmdbStore({ path });
  stores.set(path, store);
  return store;
}

async function callStore(store: Store, verb: StoreVerb, args: readonly unknown[]): Promise<unknown> {
  const call = store[verb] as (...args: readonly unknown[]) => Promise<unknown>;
  return call(...args);
}

async function closeStore(path: string): Promise<void> {
  const store = stores.get(path);
  stores.delete(path);
  await store?.close();
}

function registryOf(path: string): RevisionRegistry {
  const registry = registries.get(path) ?? lmdbRegistry({ path });
  registries.set(path, registry);
  return registry;
}

async function callRegistry(registry: RevisionRegistry, verb: RegistryVerb, args: readonly unknown[]) {
  const call = registry[verb] as (...args: readonly unknown[]) => Promise<unknown>;
  return call(...args);
}

async function closeRegistry(path: string): Promise<void> {
  const registry = registries.get(path);
  registries.delete(path);
  await registry?.close();
}

/** Acquires the keys in order, twenty at a time, each with a token of its own. */
async function acquireAll(store: Store, keys: readonly StoreKey[]): Promise<readonly string[]> {
  const outcomes: string[] = [];
  for (let from = 0; from < keys.length; from += 20) {
    const calls = keys.slice(from, from + 20).map((key) => store.acquire(asking(key, crypto.randomUUID())));
    for (const { outcome } of await Promise.all(calls)) outcomes.push(outcome);
  }
  return outcomes;
}

/** Runs eight at a time until a call fails: completes two of three and tells what was acknowledged. */
async function loadFor(store: Store, id: number): Promise<void> {
  let made = 0;
  async function worker(): Promise<void> {
    for (;;) {
      const number = made++;
      const key = `load-${process.pid}-${number}` as StoreKey;
      const token = `token-${process.pid}-${number}` as OwnerToken;
      await store.acquire(asking(key, token, { leaseMs: 300 }));
      tell({ id, began: key });
      if (number % 3 === 0) continue;
      await store.complete(key, token, Buffer.from(`answer of ${key}`), 86_400_000);
      tell({ id, completed: key });
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker));
}

/** Pauses this process, by its own hand, while it holds LMDB's writer lock. */
function stopInsideLock(path: string): void {
  const root = open({ path, noSubdir: true, overlappingSync: false, eventTurnBatching: false });
  root.transactionSync(() => process.kill(process.pid, "SIGSTOP"));
}

function failureOf(error: unknown): { code: string; message: string } {
  const { message } = error instanceof Error ? error : new Error(String(error));
  return { code: error instanceof OnceoverError ? error.code : "misuse", message };
}

function tell(answer: Answer): void {
  process.send?.(answer);
}
