/** Everything that makes onceover write something down, done with secrets. */
import { type AcquireRequest, OnceoverError, type OwnerToken, type Store, type Transaction } from "@onceover/core";
import { encryptRecords } from "@onceover/core/encryption";
import { expect } from "vitest";
import type { Canaries } from "./canary.js";
import { type CanaryService, type Received, type Sent, serveCanaries } from "./canary-service.js";
import type { CanaryStore } from "./canary-stores.js";
import { until } from "./wait.js";

/** Takes note of what somebody other than the caller gets to see, and who it was told by. */
export type Tell = (by: string, value: unknown) => void;

const DAY_MS = 86_400_000;

/** Does all of it over a store that `wrap` may wrap, and answers the codes that callers were refused with, in order. */
export async function provokeEverything(
  { store: bare, faults }: CanaryStore,
  wrap: (store: Store) => Store,
  canaries: Canaries,
  tell: Tell,
): Promise<string[]> {
  const codes = new Set<string>();
  const services: CanaryService[] = [];

  /** A process of its own, whose refusals, and everything it says to bob, are told. */
  async function process(store: Store): Promise<CanaryService> {
    const service = await serveCanaries(store, canaries, (event) => tell(`event ${event.type}`, event));
    services.push(service);
    const send = async (sent: Sent = {}): Promise<Received> => {
      const received = await service.send(sent);
      if (received.code !== undefined) codes.add(received.code);
      if (received.code !== undefined || sent.caller === "bob")
        tell(`${sent.caller ?? "alice"}'s answer`, received.text);
      return received;
    };
    return { ...service, send };
  }

  const store = wrap(bare);
  const { seen, noting } = noteAcquires(store);
  const [here, there] = [await process(noting), await process(store)];
  await runAndReplay(here, there);
  await refuseRequests(here, canaries, tell);
  await leaveUnknown({ here, there, store, seen, tell });
  await leaveUnreadable({ here, there, store, seen, tell }, canaries);
  await loseLease(await process(takingOver(store)), tell);
  await process({ ...store, verify: async () => UNFIT }).then((unfit) => unfit.send({ key: "-unfit" }));
  await process(rollingBack(store)).then((rolling) => rolling.send({ route: "transactional", key: "-rolled-back" }));
  for (const [name, fault] of Object.entries(faults)) {
    await failIn(name, { fault, wrap, process, store, canaries, tell });
  }
  await process({ ...store, acquire: () => Promise.reject(FULL) }).then((full) => full.send({ key: "-full" }));
  await erase(here, canaries, tell);
  await runAndReplay(here, there, "-after");
  for (const service of services) await service.close();
  return [...codes].sort();
}

const UNFIT = {
  tier: "T1",
  findings: [{ setting: "maxmemory-policy", problem: "is allkeys-lru", mend: "set noeviction" }],
} as const;
const FULL = new OnceoverError("store-full", "there is no room");

/** The store, and every claim that was asked of it. */
function noteAcquires(store: Store): { readonly seen: AcquireRequest[]; readonly noting: Store } {
  const seen: AcquireRequest[] = [];
  const acquire = (request: AcquireRequest) => {
    seen.push(request);
    return store.acquire(request);
  };
  return { seen, noting: { ...store, acquire } };
}

/** Runs, and replays from the cache, from the store and for a caller who has the very same request but another name. */
async function runAndReplay(here: CanaryService, there: CanaryService, key = "-first"): Promise<void> {
  expect(await here.send({ key })).toMatchObject({ status: 201, replayed: false });
  expect(await here.send({ key })).toMatchObject({ status: 201, replayed: true });
  expect(await there.send({ key })).toMatchObject({ status: 201, replayed: true });
  expect(await here.send({ key, caller: "bob" })).toMatchObject({ status: 201, replayed: false });
  expect(await there.send({ key, caller: "bob" })).toMatchObject({ status: 201, replayed: true });
  if (here.once.store.begin === undefined) return;
  expect(await here.send({ route: "transactional", key: `${key}-tx` })).toMatchObject({ status: 201 });
  expect(await there.send({ route: "transactional", key: `${key}-tx` })).toMatchObject({ replayed: true });
}

/** Every refusal that needs no store in trouble. */
async function refuseRequests(here: CanaryService, canaries: Canaries, tell: Tell): Promise<void> {
  const { key } = canaries;
  await here.send({ route: "required", key: null });
  for (const header of [`="${key}`, `=${key} ${key}`, `=${key.repeat(8)}`, `=${key}, ${key}`, "="]) {
    await here.send({ key: header });
  }
  await here.send({ caller: "nobody", key: "-nobody" });
  await here.send({ route: "small-body", key: "-long" });
  await here.send({ key: "-broken", headers: { "Content-Encoding": "gzip" } });
  await here.send({ route: "read", key: "-read" });
  await here.send({ key: "-first", body: JSON.stringify({ other: canaries["request-body"] }) });
  for (let round = 0; round < 2; round++) await here.send({ route: "small-answer", key: "-tombstone" });
  await here.send({ key: "-throws", deed: () => Promise.reject(new Error("the provider is down")) });
  await here.send({ route: "repeatable", key: "-abandoned", deed: (once) => once?.abandon() });
  let misuse = () => Promise.resolve();
  await here.send({
    key: "-misused",
    deed: (once) => {
      misuse = () => once?.abandon() ?? Promise.resolve();
    },
  });
  await failure(tell, "misuse", misuse);
  const deed = async () => void (await here.send({ route: "reject", key: "-twice" }));
  await here.send({ route: "reject", key: "-twice", deed });
}

/** Two processes over one store, and the claims that the first one made. */
interface House {
  readonly here: CanaryService;
  readonly there: CanaryService;
  readonly store: Store;
  readonly seen: readonly AcquireRequest[];
  readonly tell: Tell;
}

/** Puts a run in the place of one that ended, which nobody will complete. */
async function leaveUnknown({ here, there, store, seen, tell }: House): Promise<void> {
  await here.send({ route: "recover", key: "-unknown" });
  const request = lastOf(seen);
  await store.forget(request.key);
  await store.acquire({ ...request, token: newToken(), leaseMs: 1 });
  await until("the run is unknown", async () => (await store.read(request.key)).outcome === "unknown");
  expect(await there.send({ route: "recover", key: "-unknown" })).toMatchObject({ code: "outcome-unknown" });
  tell("unknowns()", await store.unknowns());
}

/** Puts bytes in the place of a record that are none, and that nobody may quote. */
async function leaveUnreadable({ here, there, store, seen, tell }: House, canaries: Canaries): Promise<void> {
  await here.send({ key: "-unreadable" });
  const request = { ...lastOf(seen), token: newToken() };
  await store.forget(request.key);
  await store.acquire(request);
  await store.complete(request.key, request.token, Buffer.from(`\u0001${canaries["answer-body"]}`), DAY_MS);
  expect(await there.send({ key: "-unreadable" })).toMatchObject({ code: "record-unreadable" });
  const otherKeys = encryptRecords(store, { keys: [{ id: "2026-11", key: new Uint8Array(32) }] });
  await failure(tell, "read without the key", () => otherKeys.read(request.key));
}

/** The reason of a signal is an error, too. */
async function loseLease(service: CanaryService, tell: Tell): Promise<void> {
  await service.send({
    route: "short-lease",
    key: "-lost",
    deed: async (once) => {
      const signal = once?.signal ?? AbortSignal.abort();
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      tell("signal", signal.reason);
    },
  });
}

/** Every verb, and requests before and amid a run, while the store fails. */
async function failIn(
  name: string,
  {
    fault,
    wrap,
    process,
    store,
    canaries,
    tell,
  }: {
    readonly fault: CanaryStore["faults"][string];
    readonly wrap: (store: Store) => Store;
    readonly process: (store: Store) => Promise<CanaryService>;
    readonly store: Store;
    readonly canaries: Canaries;
    readonly tell: Tell;
  },
): Promise<void> {
  let current = store;
  const service = await process(switched(() => current));
  await service.once.ready();
  let failing: Awaited<ReturnType<typeof fault>> | undefined;
  const begin = async () => {
    failing = await fault();
    current = wrap(failing.store);
  };
  const slug = name.replaceAll(" ", "-");
  await service.send({ key: `-amid-${slug}`, deed: begin });
  await service.send({ key: `-before-${slug}` });
  await service.send({ route: "run-anyway", key: `-anyway-${slug}` });
  await callEveryVerb(current, canaries, tell);
  await failure(tell, "forget", () => service.once.forget(canaries.scope, canaries.key));
  await failure(tell, "forgetScope", () => service.once.forgetScope(canaries.scope));
  await failing?.heal();
  current = store;
  // It waits for the record, however late that comes.
  expect(await service.send({ key: `-amid-${slug}` })).toMatchObject({ status: 201, replayed: true });
}

/** Asks the store of the moment. */
function switched(current: () => Store): Store {
  return {
    name: "switched",
    acquire: (request) => current().acquire(request),
    renew: (...args) => current().renew(...args),
    complete: (...args) => current().complete(...args),
    abandon: (...args) => current().abandon(...args),
    read: (key) => current().read(key),
    forget: (key) => current().forget(key),
    forgetScope: (...args) => current().forgetScope(...args),
    unknowns: (cursor) => current().unknowns(cursor),
    verify: () => current().verify(),
    close: async () => {},
  };
}

async function callEveryVerb(store: Store, canaries: Canaries, tell: Tell): Promise<void> {
  const key = `${crypto.randomUUID()}-1234567`.slice(0, 43) as AcquireRequest["key"];
  const token = newToken();
  const request: AcquireRequest = {
    key,
    token,
    fingerprint: "t1:x" as AcquireRequest["fingerprint"],
    leaseMs: 1000,
    retentionMs: DAY_MS,
  };
  const answer = Buffer.from(canaries["answer-body"]);
  const calls: Readonly<Record<string, () => Promise<unknown> | undefined>> = {
    acquire: () => store.acquire(request),
    begin: () => store.begin?.(request, 10),
    renew: () => store.renew(key, token, 1000),
    complete: () => store.complete(key, token, answer, DAY_MS),
    abandon: () => store.abandon(key, token),
    read: () => store.read(key),
    watch: () => store.watch?.(key, () => {}).then((leave) => leave()),
    unknowns: () => store.unknowns(),
    verify: () => store.verify(),
  };
  await Promise.all(Object.entries(calls).map(([verb, call]) => failure(tell, verb, call)));
}

/** A store in which every run is lost to somebody at its first renewal. */
function takingOver(store: Store): Store {
  return {
    ...store,
    async renew(key) {
      await store.forget(key);
      return "stale";
    },
  };
}

/** A store whose transactions all come to nothing in the end. */
function rollingBack(store: Store): Store {
  return {
    ...store,
    async begin(request) {
      const found = await store.acquire(request);
      if (found.outcome !== "acquired") return found;
      const transaction: Transaction = {
        client: {},
        renew: async () => "ok",
        complete: () => Promise.reject(new OnceoverError("rolled-back", "the transaction was rolled back")),
        abandon: async () => void (await store.abandon(request.key, request.token)),
      };
      return { ...found, transaction };
    },
  };
}

async function erase(here: CanaryService, canaries: Canaries, tell: Tell): Promise<void> {
  const scope = `alice ${canaries.scope}`;
  expect(await here.once.forget(scope, `${canaries.key}-first`)).toBe("ok");
  expect(await here.once.forgetScope(scope)).toBeGreaterThan(3);
  expect(await here.once.forgetScope(scope)).toBe(0);
  await failure(tell, "forget", () => here.once.forget([canaries.scope, ""], canaries.key));
  await failure(tell, "forgetScope", () => here.once.forgetScope([canaries.scope, ""]));
}

function lastOf(seen: readonly AcquireRequest[]): AcquireRequest {
  const last = seen.at(-1);
  if (last === undefined) throw new Error("expected a claim, got none");
  return last;
}

function newToken(): OwnerToken {
  return crypto.randomUUID() as OwnerToken;
}

/** What a call rejects with is told; what it answers is not looked at. */
async function failure(tell: Tell, what: string, call: () => Promise<unknown> | undefined): Promise<void> {
  try {
    await call();
  } catch (error) {
    tell(what, error);
  }
}
