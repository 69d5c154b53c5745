import { describe, expect, it } from "vitest";
import type { Recovered } from "../src/recover.js";
import { crash, finish, gate, isPending, openHouse, problem, runOf, seen } from "./support.js";

describe("what once went wrong", () => {
  it("a lease survives two failed renewals in a row", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, { leaseMs: 3_000 }));
    house.store.next("renew", "lose-request", "lose-request");
    await house.platform.advance(9_000);
    expect(run.once.signal.aborted).toBe(false);
  });

  it("a lease whose acquire was slow is lost when it ends, not at the first renewal", async () => {
    const house = await openHouse();
    const reply = gate();
    house.store.next("acquire", { replyAfter: reply.opened });
    house.store.always("renew", "lose-request");
    const sent = house.send({}, { leaseMs: 3_000 });
    await house.platform.advance(2_900);
    reply.open();
    const { once } = runOf(await sent);
    await house.platform.advance(100);
    expect(once.signal.aborted).toBe(true);
  });

  it("a run never begins on a lease that ended before its acquire was answered", async () => {
    const house = await openHouse();
    const reply = gate();
    house.store.next("acquire", { replyAfter: reply.opened });
    const sent = house.send({}, { leaseMs: 3_000 });
    await house.platform.advance(10);
    house.platform.pause(60_000);
    reply.open();
    expect((await sent).action).toBe("run");
    const answer = await house.another().send({}, { inFlight: "reject" });
    expect(problem(answer)).toMatchObject({ code: "in-flight" });
  });

  it("a failed renewal is told to the listeners", async () => {
    const house = await openHouse();
    await house.send({}, { leaseMs: 3_000 });
    house.store.next("renew", "lose-request");
    await house.platform.advance(1_000);
    expect(house.eventsOf("store-failed")).toMatchObject([{ verb: "renew" }]);
  });

  it("an unrecorded run of a repeatable route that fails frees its key and records no 5xx", async () => {
    const options = { effects: "repeatable", onStoreDown: "run" } as const;
    const house = await openHouse();
    house.store.next("acquire", "lose-reply");
    await finish(runOf(await house.send({}, options)), { status: 502 });
    await house.platform.advance(1_000);
    expect((await house.another().send({}, options)).action).toBe("run");
  });

  it("retries of such a run, in its own process, run again", async () => {
    const options = { effects: "repeatable", onStoreDown: "run" } as const;
    const house = await openHouse();
    house.store.down();
    await finish(runOf(await house.send({}, options)), { status: 502 });
    expect((await house.send({}, options)).action).toBe("run");
  });

  it("recover that answers unknown is called once for retries that arrive together", async () => {
    const house = await openHouse();
    await crash(house, { leaseMs: 3_000 });
    await house.platform.advance(3_000);
    const other = house.another();
    let calls = 0;
    const recover = async (): Promise<Recovered> => {
      calls += 1;
      await new Promise<void>((resolve) => house.platform.timer(100, resolve));
      return { outcome: "unknown" };
    };
    const options = { recover };
    const retries = Array.from({ length: 5 }, () => other.send({}, options));
    await house.platform.advance(2_000);
    for (const retry of retries) expect(problem(await retry)).toMatchObject({ code: "outcome-unknown" });
    expect(calls).toBe(1);
  });
  it.each([
    ["a number as a header value", { status: 200, headers: { "X-Count": 5 } }],
    ["null headers", { status: 200, headers: null }],
    ["an object as body", { status: 200, body: { id: 7 } }],
    ["a number as body", { status: 200, body: 7 }],
    ["null body", { status: 200, body: null }],
    ["headers as list", { status: 200, headers: [["A", "b"]] }],
  ])("R6 recover that returns %s counts as unknown", async (_, response) => {
    const house = await openHouse();
    await crash(house, { leaseMs: 3_000 });
    await house.platform.advance(3_000);
    const other = house.another();
    const recover = () => ({ outcome: "done", response }) as unknown as Recovered;
    expect(problem(await other.send({}, { recover }))).toMatchObject({ code: "outcome-unknown" });
    expect(problem(await house.another().send())).toMatchObject({ code: "outcome-unknown" });
  });

  it("forget() is not undone by a replay that runs beside it", async () => {
    const house = await openHouse();
    await house.another().pay();
    const reach = gate();
    house.store.next("forget", { after: reach.opened });
    const forgetting = house.once.forget("alice", "k-1");
    await house.platform.advance(0);
    expect(seen(await house.send())).toMatchObject({ status: 201 });
    reach.open();
    await forgetting;
    expect((await house.send()).action).toBe("run");
  });

  it("a follower with another payload is not called reused while nobody knows", async () => {
    const house = await openHouse();
    await house.another().pay();
    house.store.next("acquire", { after: gate().opened });
    void house.send({ body: '{"amount":2}' });
    const follower = house.send();
    await house.platform.advance(10_000);
    expect(seen(await follower)).toMatchObject({ status: 201 });
  });

  it("a cut 500 is not called executed", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    run.head(500, [], []);
    run.cut();
    await house.platform.advance(0);
    expect(problem(await house.send()).executed).not.toBe(true);
  });

  it("a 404 too large to record is not called executed", async () => {
    const house = await openHouse();
    await house.pay({}, { maxRecordBytes: 4 }, { status: 404, body: "x".repeat(40) });
    expect(problem(await house.send()).executed).not.toBe(true);
  });

  it("idle() waits for a key that is being given back", async () => {
    const house = await openHouse();
    house.store.next("acquire", "lose-reply");
    const reach = gate();
    house.store.next("abandon", { after: reach.opened });
    await house.send();
    expect(await isPending(house.once.idle())).toBe(true);
  });

  it("signal is aborted for who reads it after a pause, before any timer has fired", async () => {
    const house = await openHouse();
    const { once } = runOf(await house.send({}, { leaseMs: 3_000 }));
    house.platform.pause(60_000);
    expect(once.signal.aborted).toBe(true);
    expect(house.eventsOf("lease-lost")).toMatchObject([{ reason: "expired" }]);
  });

  it("a claim that was to record a recovered answer is not given back when its reply is lost", async () => {
    const house = await openHouse();
    const recover = () => ({ outcome: "done", response: { status: 200 } }) as const;
    const options = { leaseMs: 3_000, recover };
    await crash(house, options);
    await house.platform.advance(3_000);
    house.store.next("acquire", { replyAfter: Promise.resolve() }, "lose-reply");
    expect(problem(await house.send({}, options))).toMatchObject({ code: "outcome-unknown", executed: "unknown" });
    await house.platform.advance(60_000);
    expect(seen(await house.send({}, options))).toMatchObject({ status: 200 });
  });
});
