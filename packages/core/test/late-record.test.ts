import { describe, expect, it } from "vitest";
import { OnceoverError } from "../src/error.js";
import { finish, isPending, openHouse, problem, runOf, seen } from "./support.js";

const REPEATABLE = { effects: "repeatable", leaseMs: 3_000 } as const;

describe("an answer the store does not take", () => {
  it("is released at once, and recorded in the background when the store is back", async () => {
    const house = await openHouse();
    house.store.next("complete", "lose-request", "lose-request");
    expect(await house.pay()).toEqual({ action: "send" });
    expect(house.events.map(({ type }) => type)).toEqual(["verified", "run", "store-failed", "record-late"]);
    expect(house.events.at(-2)).toMatchObject({ verb: "complete" });
    await house.platform.advance(300);
    expect(house.events.at(-1)).toMatchObject({ type: "recorded", status: 201 });
    expect(seen(await house.another().send())).toMatchObject({ status: 201, text: '{"ok":true}' });
  });

  it("is given to retries in this process meanwhile, without a call to the store", async () => {
    const house = await openHouse();
    house.store.always("complete", "lose-request");
    await house.pay();
    const calls = house.store.count();
    expect(seen(await house.send())).toMatchObject({ status: 201, headers: { "Idempotency-Replayed": "true" } });
    expect(problem(await house.send({ body: "{}" }))).toMatchObject({ code: "key-reused" });
    expect(house.store.count()).toBe(calls);
  });

  it("keeps its key held by renewing the lease, so that no other process runs it or calls it unknown", async () => {
    const house = await openHouse();
    house.store.always("complete", "lose-request");
    await house.pay({}, { leaseMs: 3_000 });
    await house.platform.advance(60_000);
    const answer = await house.another().send({}, { inFlight: "reject" });
    expect(problem(answer)).toMatchObject({ code: "in-flight" });
  });

  it("that was taken though the reply got lost is recorded once, and both processes replay it", async () => {
    const house = await openHouse();
    house.store.next("complete", "lose-reply");
    await house.pay();
    await house.platform.advance(100);
    expect(house.eventsOf("recorded")).toHaveLength(1);
    expect(seen(await house.another().send())).toMatchObject({ status: 201 });
  });

  it("is given up after half a minute close together and ten minutes at leisure, and said to be lost", async () => {
    const house = await openHouse();
    house.store.always("complete", "lose-request");
    await house.pay();
    await house.platform.advance(606_299);
    expect(house.eventsOf("record-lost")).toEqual([]);
    await house.platform.advance(1);
    expect(house.eventsOf("record-lost")).toMatchObject([{ reason: "unreachable" }]);
    expect(house.store.count("complete")).toBe(127);
    await house.once.idle();
    expect(house.platform.pendingTimers()).toBe(0);
  });

  it("keeps idle() waiting until it is recorded", async () => {
    const house = await openHouse();
    house.store.next("complete", "lose-request");
    const run = runOf(await house.send());
    const idle = house.once.idle();
    await finish(run);
    expect(await isPending(idle)).toBe(true);
    await house.platform.advance(100);
    expect(await isPending(idle)).toBe(false);
  });
});

describe("an answer the store has no room for", () => {
  const full = { error: new OnceoverError("store-full", "scripted") };

  it("leaves a tombstone at once, which needs less; those who waited get the answer itself", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    const waiting = house.send();
    house.store.next("complete", full);
    expect(await finish(run)).toEqual({ action: "send" });
    expect(seen(await waiting)).toMatchObject({ status: 201, text: '{"ok":true}' });
    expect(house.eventsOf("recorded")).toMatchObject([{ status: 201, tombstone: "too-large" }]);
    for (const process of [house, house.another()]) {
      expect(problem(await process.send())).toMatchObject({ code: "answer-not-kept", originalStatus: 201 });
    }
  });

  it("nor for its tombstone is recorded in the background when there is room", async () => {
    const house = await openHouse();
    house.store.next("complete", full, full, full);
    expect(await house.pay()).toEqual({ action: "send" });
    await house.platform.advance(300);
    expect(house.eventsOf("record-late")).toHaveLength(1);
    expect(seen(await house.another().send())).toMatchObject({ status: 201, text: '{"ok":true}' });
  });
});

describe("a run that lost its key to another run", () => {
  async function overtaken() {
    const house = await openHouse();
    const first = runOf(await house.send({}, REPEATABLE));
    house.store.always("renew", "lose-request");
    await house.platform.advance(3_000);
    const other = house.another();
    const second = runOf(await other.send({}, REPEATABLE));
    return { house, other, first, second };
  }

  it("answers what the other run recorded", async () => {
    const { house, first, second } = await overtaken();
    await finish(second, { body: "second" });
    const release = await finish(first, { body: "first" });
    expect(seen(release)).toMatchObject({ status: 201, text: "second" });
    expect(house.eventsOf("record-lost")).toMatchObject([{ reason: "stale" }]);
    expect(seen(await house.send())).toMatchObject({ text: "second" });
  });

  it("waits for the other run to end", async () => {
    const { house, first, second } = await overtaken();
    house.store.always("renew", undefined);
    const release = finish(first, { body: "first" });
    await house.platform.advance(1_000);
    expect(await isPending(release)).toBe(true);
    await finish(second, { body: "second" });
    await house.platform.advance(250);
    expect(seen(await release)).toMatchObject({ text: "second" });
  });

  it("answers 409 in-flight where the other run takes more than 10 s, and 409 unknown where it died", async () => {
    const slow = await overtaken();
    slow.house.store.always("renew", undefined);
    const late = finish(slow.first);
    await slow.house.platform.advance(10_000);
    expect(problem(await late)).toMatchObject({ status: 409, code: "in-flight" });
    const dead = await overtaken();
    const unknown = finish(dead.first);
    await dead.house.platform.advance(3_250);
    expect(problem(await unknown)).toMatchObject({ status: 409, code: "outcome-unknown" });
  });

  it("sends its own answer where the key stands for nothing any more", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    await house.once.forget("alice", "k-1");
    expect(await finish(run)).toEqual({ action: "send" });
    expect(house.eventsOf("record-lost")).toMatchObject([{ reason: "stale" }]);
  });

  it("leaves its followers to look for themselves", async () => {
    const { house, first, second } = await overtaken();
    const follower = house.send();
    await finish(second, { body: "second" });
    await finish(first, { body: "first" });
    expect(seen(await follower)).toMatchObject({ text: "second" });
  });
});
