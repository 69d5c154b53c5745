import { describe, expect, it } from "vitest";
import { OnceoverError } from "../src/error.js";
import type { Begun, Store, StoreKey, Transaction } from "../src/store.js";
import { crash, finish, type House, openHouse, problem, runOf } from "./support.js";

const TRANSACTIONAL = { transactional: true } as const;

/** How the transactions of a test end. */
interface Fate {
  /** What `complete` rejects with; whether the record is there all the same. */
  fails?: { readonly error: OnceoverError; readonly committed?: boolean };
}

/** Transactions over a store that has none: what a run writes is kept aside until it completes. */
function withTransactions(store: Store, fate: Fate) {
  const open = new Set<StoreKey>();
  const log: string[] = [];

  function transaction(request: Parameters<Store["acquire"]>[0]): Transaction {
    const { key, token } = request;
    open.add(key);
    log.push("begin");
    return {
      client: { log },
      async renew() {
        log.push("renew");
        return open.has(key) ? "ok" : "stale";
      },
      async complete(record, retentionMs) {
        open.delete(key);
        log.push("complete");
        if (fate.fails !== undefined && fate.fails.committed !== true) throw fate.fails.error;
        await store.acquire(request);
        await store.complete(key, token, record, retentionMs);
        if (fate.fails !== undefined) throw fate.fails.error;
        return "ok";
      },
      async abandon() {
        open.delete(key);
        log.push("abandon");
      },
    };
  }

  async function begin(request: Parameters<Store["acquire"]>[0], waitMs: number): Promise<Begun> {
    log.push(`wait ${waitMs}`);
    if (open.has(request.key)) return { outcome: "running", fingerprint: request.fingerprint, leaseLeftMs: 15_000 };
    const found = await store.read(request.key);
    const isTaken = found.outcome === "unknown" && request.takeOver === found.fence;
    if (found.outcome !== "none" && !isTaken) return found;
    return { outcome: "acquired", fence: 7, attempt: isTaken ? 2 : 1, transaction: transaction(request) };
  }

  return { log, begin, store: { ...store, begin } };
}

async function openTransactional(fate: Fate = {}) {
  const house = await openHouse();
  const { store, log } = withTransactions(house.store, fate);
  const process = house.another({ store });
  await process.once.ready();
  house.store.reset();
  return { house, process, log, another: () => house.another({ store }) };
}

const ROLLED_BACK = new OnceoverError("rolled-back", "serialization failure");
const LOST = new OnceoverError("store-unavailable", "the connection was lost");

describe("a transactional mount", () => {
  it("completes through the transaction, and never through the store", async () => {
    const { house, process, log } = await openTransactional();
    const run = runOf(await process.send({}, TRANSACTIONAL));
    expect(Reflect.get(run.once, "tx")).toEqual({ log });
    expect(await finish(run)).toEqual({ action: "send" });
    expect(log).toEqual(["wait 10000", "begin", "complete"]);
    expect(house.store.calls.map(({ verb }) => verb).slice(0, 1)).toEqual(["read"]);
    expect(process.eventsOf("recorded")).toHaveLength(1);
  });

  it("replays the record to a duplicate in another process", async () => {
    const { process, another } = await openTransactional();
    await process.pay({}, TRANSACTIONAL);
    const verdict = await another().send({}, TRANSACTIONAL);
    expect(verdict).toMatchObject({ action: "answer", answer: { status: 201 } });
  });

  it.each([500, 503])("rolls back a %i: the answer leaves and the key is free", async (status) => {
    const { process, log } = await openTransactional();
    const run = runOf(await process.send({}, TRANSACTIONAL));
    expect(await finish(run, { status })).toEqual({ action: "send" });
    expect(log.slice(2)).toEqual(["abandon"]);
    expect(runOf(await process.send({}, TRANSACTIONAL)).once.attempt).toBe(1);
  });

  it("rolls back an answer that was cut", async () => {
    const { process, log } = await openTransactional();
    const run = runOf(await process.send({}, TRANSACTIONAL));
    run.head(200, [], []);
    run.write(new Uint8Array(3));
    run.cut();
    await run.settled();
    expect(log.slice(2)).toEqual(["abandon"]);
  });

  it("rolls back where the handler abandons", async () => {
    const { process, log } = await openTransactional();
    const run = runOf(await process.send({}, TRANSACTIONAL));
    await run.once.abandon();
    expect(await finish(run)).toEqual({ action: "send" });
    expect(log.slice(2)).toEqual(["abandon"]);
  });

  it("answers 503 rolled-back, nothing executed, where the commit failed, and the retry runs", async () => {
    const fate: Fate = { fails: { error: ROLLED_BACK } };
    const { process } = await openTransactional(fate);
    const release = await process.pay({}, TRANSACTIONAL);
    expect(problem(release)).toMatchObject({
      status: 503,
      code: "rolled-back",
      executed: false,
    });
    expect(process.eventsOf("store-failed")).toMatchObject([{ verb: "complete", error: ROLLED_BACK }]);
    delete fate.fails;
    expect(await process.pay({}, TRANSACTIONAL)).toEqual({ action: "send" });
  });

  it("lets an answer that says no leave as it is where the commit failed: nothing was done, as it says", async () => {
    const { process } = await openTransactional({ fails: { error: ROLLED_BACK } });
    expect(await process.pay({}, TRANSACTIONAL, { status: 409 })).toEqual({ action: "send" });
    expect(runOf(await process.send({}, TRANSACTIONAL)).once.attempt).toBe(1);
  });

  it.each([201, 409])(
    "says so where nobody knows whether it committed, for a %i too, and the retry is given what is there",
    async (status) => {
      const fate: Fate = { fails: { error: LOST, committed: true } };
      const { process } = await openTransactional(fate);
      const release = await process.pay({}, TRANSACTIONAL, { status });
      expect(problem(release)).toMatchObject({
        code: "rolled-back",
        executed: "unknown",
      });
      expect(await process.send({}, TRANSACTIONAL)).toMatchObject({ action: "answer", answer: { status } });
    },
  );

  it("tells those who wait in the same process to look for themselves where the commit failed", async () => {
    const fate: Fate = { fails: { error: ROLLED_BACK } };
    const { process } = await openTransactional(fate);
    const run = runOf(await process.send({}, TRANSACTIONAL));
    const follower = process.send({}, TRANSACTIONAL);
    await finish(run);
    expect(runOf(await follower).once.attempt).toBe(1);
  });

  it("waits for another process's transaction, and asks again while it lasts", async () => {
    const { house, process, another, log } = await openTransactional();
    const run = runOf(await process.send({}, TRANSACTIONAL));
    const duplicate = another().send({}, TRANSACTIONAL);
    await house.platform.advance(50);
    expect(log).toEqual(["wait 10000", "begin", "wait 10000"]);
    await finish(run);
    await house.platform.advance(50);
    expect(log.at(-1)).toBe("wait 9900");
    expect(await duplicate).toMatchObject({ action: "answer", answer: { status: 201 } });
  });

  it('does not wait for another transaction with inFlight "reject"', async () => {
    const { process, another, log } = await openTransactional();
    const mount = { ...TRANSACTIONAL, inFlight: "reject" } as const;
    runOf(await process.send({}, mount));
    expect(problem(await another().send({}, mount))).toMatchObject({ code: "in-flight" });
    expect(log).toEqual(["wait 0", "begin", "wait 0"]);
  });

  it("asks recover about an outcome that another kind of route left unknown, and never takes it over blindly", async () => {
    const { house, process } = await openTransactional();
    await leaveUnknown(house);
    expect(problem(await process.send({}, TRANSACTIONAL))).toMatchObject({ code: "outcome-unknown" });
    const rerun = { ...TRANSACTIONAL, recover: () => ({ outcome: "rerun" }) as const };
    expect(runOf(await process.send({}, rerun)).once.attempt).toBe(2);
  });

  it("records what recover found to be done without a transaction", async () => {
    const { house, process, log } = await openTransactional();
    await leaveUnknown(house);
    const done = { ...TRANSACTIONAL, recover: () => ({ outcome: "done", response: { status: 200 } }) as const };
    expect(await process.send({}, done)).toMatchObject({ action: "answer", answer: { status: 200 } });
    expect(log).toEqual(["wait 10000"]);
  });

  it("refuses with 503 where the store is away, and has nothing to give back", async () => {
    const house = await openHouse();
    const begin = () => Promise.reject(LOST);
    const process = house.another({ store: { ...house.store, begin } });
    await process.once.ready();
    expect(problem(await process.send({}, TRANSACTIONAL))).toMatchObject({ code: "store-unavailable" });
    expect(house.store.count("abandon")).toBe(0);
  });

  it("renews the transaction, and aborts the signal once it is over", async () => {
    const { house, process, log } = await openTransactional();
    const { once } = runOf(await process.send({}, TRANSACTIONAL));
    await house.platform.advance(3_750);
    expect(log.at(-1)).toBe("renew");
    expect(once.signal.aborted).toBe(false);
    expect(house.store.count("renew")).toBe(0);
  });
});

describe("once.tx", () => {
  it("is refused where the mount is not transactional", async () => {
    const house = await openHouse();
    const { once } = runOf(await house.send());
    expect(() => Reflect.get(once, "tx")).toThrow(
      expect.objectContaining({ code: "misuse", message: "once.tx needs a mount with transactional: true" }),
    );
  });
});

describe("the option transactional", () => {
  it("needs a store with transactions", async () => {
    const house = await openHouse();
    expect(() => house.once.mount(TRANSACTIONAL)).toThrow(
      "transactional needs a store with transactions, such as postgresStore(), got scripted",
    );
  });

  it('does not go with onStoreDown "run"', async () => {
    const { process } = await openTransactional();
    expect(() => process.once.mount({ ...TRANSACTIONAL, onStoreDown: "run" })).toThrow(
      'onStoreDown must be "refuse" with transactional, got "run"',
    );
  });
});

async function leaveUnknown(house: House): Promise<void> {
  const lost = await crash(house, { leaseMs: 50 });
  await house.platform.advance(60);
  expect(lost.once.signal.aborted).toBe(true);
}
