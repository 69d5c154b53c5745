import { describe, expect, it } from "vitest";
import { finish, gate, openHouse, runOf, seen } from "./support.js";

const LEASE = { leaseMs: 3_000 } as const;

describe("the lease of a run", () => {
  it("is kept by renewing it at least three times in its length, through a handler of five leases", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, LEASE));
    await house.platform.advance(5 * 3_000);
    expect(house.store.count("renew")).toBeGreaterThanOrEqual(15);
    expect(run.once.signal.aborted).toBe(false);
    expect(await finish(run)).toEqual({ action: "send" });
    expect(seen(await house.another().send())).toMatchObject({ status: 201 });
    expect(house.eventsOf("lease-lost")).toEqual([]);
  });

  it("is renewed for leaseMs under the run's own token", async () => {
    const house = await openHouse();
    await house.send({}, LEASE);
    await house.platform.advance(1_000);
    const [acquire, renew] = house.store.calls;
    expect(acquire?.args).toMatchObject([{ leaseMs: 3_000, token: renew?.args[1] }]);
    expect(renew).toMatchObject({ verb: "renew", args: [expect.any(String), expect.any(String), 3_000] });
  });

  it("survives a failed renewal, and one whose reply was lost", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, LEASE));
    for (const fault of ["lose-request", "lose-reply"] as const) {
      house.store.next("renew", fault);
      await house.platform.advance(2_000);
    }
    expect(house.store.count("renew")).toBeGreaterThanOrEqual(4);
    expect(run.once.signal.aborted).toBe(false);
  });

  it("is not renewed any more once the answer is recorded, abandoned or cut, and leaves no timer behind", async () => {
    const house = await openHouse();
    await house.pay();
    const abandoned = runOf(await house.send({ key: "k-2" }));
    await abandoned.once.abandon();
    await finish(abandoned);
    runOf(await house.send({ key: "k-3" })).cut();
    await house.platform.advance(60_000);
    expect(house.store.count("renew")).toBe(0);
    expect(house.platform.pendingTimers()).toBe(0);
  });
});

describe("a lost lease", () => {
  const lost = { code: "lease-lost", name: "OnceoverError" };

  it("aborts once.signal when renewals fail until the lease has ended by the monotonic clock", async () => {
    const house = await openHouse();
    const { once } = runOf(await house.send({}, LEASE));
    const { signal } = once;
    house.store.always("renew", "lose-request");
    await house.platform.advance(2_999);
    expect(signal.aborted).toBe(false);
    await house.platform.advance(1);
    expect(signal.reason).toMatchObject(lost);
    expect(house.eventsOf("lease-lost")).toMatchObject([{ reason: "expired" }]);
  });

  it("aborts once.signal when a renewal hangs past the end of the lease", async () => {
    const house = await openHouse();
    const { once } = runOf(await house.send({}, LEASE));
    house.store.next("renew", { replyAfter: gate().opened });
    await house.platform.advance(2_999);
    expect(once.signal.aborted).toBe(false);
    await house.platform.advance(1);
    expect(once.signal.reason).toMatchObject(lost);
  });

  it("is measured from when the renewal was sent, not from when its reply came", async () => {
    const house = await openHouse();
    const { once } = runOf(await house.send({}, LEASE));
    const reply = gate();
    house.store.next("renew", { replyAfter: reply.opened });
    house.store.always("renew", "lose-request");
    while (house.store.count("renew") === 0) await house.platform.advance(10);
    const sentAtMs = house.platform.monotonicMs();
    await house.platform.advance(1_500);
    reply.open();
    await house.platform.advance(sentAtMs + 2_999 - house.platform.monotonicMs());
    expect(once.signal.aborted).toBe(false);
    await house.platform.advance(1);
    expect(once.signal.reason).toMatchObject(lost);
  });

  it("aborts once.signal when the process was paused past it", async () => {
    const house = await openHouse();
    const { once } = runOf(await house.send({}, LEASE));
    await house.platform.advance(1_500);
    house.platform.pause(60_000);
    await house.platform.advance(0);
    expect(once.signal.reason).toMatchObject(lost);
    expect(house.eventsOf("lease-lost")).toMatchObject([{ reason: "expired" }]);
  });

  it("aborts a signal that is read only afterwards, and gives the same signal each time", async () => {
    const house = await openHouse();
    const { once } = runOf(await house.send({}, LEASE));
    house.store.always("renew", "lose-request");
    await house.platform.advance(3_000);
    expect(once.signal.reason).toMatchObject(lost);
    expect(once.signal).toBe(once.signal);
  });

  it("aborts once.signal when another run took over, and is renewed no more", async () => {
    const house = await openHouse();
    const { once } = runOf(await house.send({}, LEASE));
    house.store.next("renew", { answer: "stale" });
    await house.platform.advance(30_000);
    expect(once.signal.reason).toMatchObject(lost);
    expect(house.eventsOf("lease-lost")).toMatchObject([{ reason: "taken-over" }]);
    expect(house.store.count("renew")).toBe(1);
  });

  it("is told once, though it is taken over after it expired", async () => {
    const house = await openHouse();
    await house.send({}, LEASE);
    house.store.always("renew", "lose-request");
    await house.platform.advance(3_500);
    house.store.always("renew", { answer: "stale" });
    await house.platform.advance(3_000);
    expect(house.eventsOf("lease-lost")).toMatchObject([{ reason: "expired" }]);
  });

  it("does not keep a run that nobody took over from being recorded", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, LEASE));
    house.platform.pause(60_000);
    await house.platform.advance(0);
    expect(await finish(run)).toEqual({ action: "send" });
    expect(seen(await house.another().send())).toMatchObject({ status: 201 });
  });

  it("is not told of a renewal that crosses the record on its way and finds nothing to renew", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, LEASE));
    const reply = gate();
    house.store.next("renew", { after: reply.opened });
    house.store.next("complete", { replyAfter: reply.opened });
    await house.platform.advance(1_500);
    const ending = finish(run);
    reply.open();
    await ending;
    expect(house.eventsOf("lease-lost")).toEqual([]);
    expect(run.once.signal.aborted).toBe(false);
  });

  it("is not the end of the run: once.signal stays quiet after the answer, and when the client hangs up", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, LEASE));
    const { signal } = run.once;
    await finish(run);
    await house.platform.advance(60_000);
    expect(signal.aborted).toBe(false);
  });
});
