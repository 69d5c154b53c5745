import { describe, expect, it } from "vitest";
import type { MountOptions } from "../src/options.js";
import type { Recovered, UnknownOutcome } from "../src/recover.js";
import {
  crash,
  finish,
  gate,
  type House,
  isPending,
  openHouse,
  type Process,
  problem,
  runOf,
  seen,
  type TestRequest,
} from "./support.js";

type Mounted = MountOptions<TestRequest>;

const LEASE_MS = 3_000;
const DONE: Recovered = {
  outcome: "done",
  response: { status: 201, headers: { "Content-Type": "application/json", Location: "/payments/7" }, body: '{"id":7}' },
};

/** A house in which a run died, and a process that meets its outcome. */
async function afterCrash(): Promise<{ house: House; other: Process; effectKey: string }> {
  const house = await openHouse();
  const { once } = await crash(house, { leaseMs: LEASE_MS });
  await house.platform.advance(LEASE_MS + 500);
  const other = house.another();
  house.store.reset();
  return { house, other, effectKey: once.effectKey("charge") };
}

describe("recover", () => {
  it("is told what is known of the lost run: key, attempt, age, the retry and the effect keys", async () => {
    const { other, effectKey } = await afterCrash();
    const asked: UnknownOutcome<TestRequest>[] = [];
    const recover: Mounted["recover"] = (unknown) => {
      asked.push(unknown);
      return { outcome: "unknown" };
    };
    await other.send({}, { recover });
    expect(asked).toMatchObject([{ key: "k-1", attempt: 1, sinceMs: 500, request: { caller: "alice" } }]);
    expect(asked[0]?.effectKey("charge")).toBe(effectKey);
  });

  it("that answers done has its response recorded and replayed; the handler does not run", async () => {
    const { house, other } = await afterCrash();
    const answer = await other.send({}, { recover: async () => DONE });
    expect(seen(answer)).toMatchObject({ status: 201, text: '{"id":7}', headers: { Location: "/payments/7" } });
    expect(other.eventsOf("unknown")).toMatchObject([{ settled: "done", attempt: 1 }]);
    expect(other.eventsOf("run")).toEqual([]);
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire", "acquire", "complete"]);
    for (const process of [other, house.another()])
      expect(seen(await process.send())).toMatchObject({ text: '{"id":7}' });
  });

  it("that answers done with a status alone has an empty answer recorded, with bytes those bytes", async () => {
    const empty = await afterCrash();
    const bare: Recovered = { outcome: "done", response: { status: 204 } };
    expect(seen(await empty.other.send({}, { recover: () => bare }))).toMatchObject({ status: 204, text: "" });
    const binary = await afterCrash();
    const bytes: Recovered = { outcome: "done", response: { status: 200, body: new Uint8Array([104, 105]) } };
    expect(seen(await binary.other.send({}, { recover: () => bytes }))).toMatchObject({ status: 200, text: "hi" });
  });

  it("that answers done for a run that ended meanwhile gives what that run recorded", async () => {
    const house = await openHouse();
    const run = await crash(house, { leaseMs: LEASE_MS });
    await house.platform.advance(LEASE_MS);
    const recovering = gate();
    const recover = async () => {
      await recovering.opened;
      return DONE;
    };
    const retry = house.another().send({}, { recover });
    await house.platform.advance(10);
    await finish(run, { body: "first" });
    recovering.open();
    expect(seen(await retry)).toMatchObject({ text: "first" });
  });

  it("that answers rerun lets the retry run as the next attempt", async () => {
    const { house, other } = await afterCrash();
    const run = runOf(await other.send({}, { recover: () => ({ outcome: "rerun" }) }));
    expect(run.once.attempt).toBe(2);
    expect(other.eventsOf("unknown")).toMatchObject([{ settled: "rerun" }]);
    await finish(run);
    expect(seen(await house.another().send())).toMatchObject({ status: 201 });
  });

  it("that answers rerun of one run never takes over a later one: it is asked again", async () => {
    const { house, other } = await afterCrash();
    const asked: number[] = [];
    const options: Mounted = {
      leaseMs: LEASE_MS,
      recover: async ({ attempt }) => {
        asked.push(attempt);
        if (attempt === 1) await anotherRunDies(house);
        return { outcome: "rerun" };
      },
    };
    const retry = other.send({}, options);
    await house.platform.advance(LEASE_MS);
    expect(runOf(await retry).once.attempt).toBe(3);
    expect(asked).toEqual([1, 2]);
  });

  it("that answers unknown leaves it so: 409, nothing written", async () => {
    const { house, other } = await afterCrash();
    const answer = await other.send({}, { recover: () => ({ outcome: "unknown" }) });
    expect(problem(answer)).toMatchObject({ status: 409, code: "outcome-unknown", executed: "unknown" });
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire"]);
  });

  it("that throws or rejects counts as unknown, and the listeners are told the error", async () => {
    for (const asynchronous of [true, false]) {
      const { other } = await afterCrash();
      const error = new Error("ledger out of reach");
      const recover = () => {
        if (asynchronous) return Promise.reject(error);
        throw error;
      };
      expect(problem(await other.send({}, { recover }))).toMatchObject({ code: "outcome-unknown" });
      expect(other.eventsOf("unknown")).toMatchObject([{ settled: "unknown", error }]);
    }
  });

  it.each([
    ["undefined", undefined],
    ["null", null],
    ["a text", "done"],
    ["another outcome", { outcome: "yes" }],
    ["done without a response", { outcome: "done" }],
    ["a status below 200", { outcome: "done", response: { status: 199 } }],
    ["a status above 599", { outcome: "done", response: { status: 600 } }],
    ["a status that is a text", { outcome: "done", response: { status: "201" } }],
  ])("that returns %s counts as unknown", async (_, garbage) => {
    const { house, other } = await afterCrash();
    const recover = () => garbage as Recovered;
    expect(problem(await other.send({}, { recover }))).toMatchObject({ status: 409, code: "outcome-unknown" });
    expect(house.store.count("complete")).toBe(0);
  });

  it("is called once for retries that arrive together in a process, and all get what it found", async () => {
    const { house, other } = await afterCrash();
    const recovering = gate();
    let calls = 0;
    const recover = async () => {
      calls += 1;
      await recovering.opened;
      return DONE;
    };
    const options = { recover };
    const retries = Array.from({ length: 5 }, () => other.send({}, options));
    await house.platform.advance(1_000);
    for (const retry of retries) expect(await isPending(retry)).toBe(true);
    recovering.open();
    for (const retry of retries) expect(seen(await retry)).toMatchObject({ text: '{"id":7}' });
    expect(calls).toBe(1);
  });

  it("whose answer the store does not take leaves the outcome unknown", async () => {
    const { house, other } = await afterCrash();
    house.store.next("complete", "lose-request");
    expect(problem(await other.send({}, { recover: () => DONE }))).toMatchObject({ code: "outcome-unknown" });
    await house.platform.advance(15_000);
    expect(problem(await house.another().send())).toMatchObject({ code: "outcome-unknown" });
  });

  it("is not asked where a duplicate waited 10 s for the run that died", async () => {
    const house = await openHouse();
    await crash(house, { leaseMs: 10_000 });
    let calls = 0;
    const recover = (): Recovered => {
      calls += 1;
      return DONE;
    };
    const waiting = house.another().send({}, { recover });
    await house.platform.advance(10_000);
    expect(problem(await waiting)).toMatchObject({ code: "outcome-unknown" });
    expect(calls).toBe(0);
  });
});

/** A third process re-runs the key and dies. */
async function anotherRunDies(house: House): Promise<void> {
  await crash(house, { effects: "repeatable", leaseMs: 1_000 });
  await new Promise<void>((resolve) => house.platform.timer(1_000, resolve));
}
