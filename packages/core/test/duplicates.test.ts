import { describe, expect, it } from "vitest";
import { finish, gate, isPending, openHouse, problem, runOf, seen } from "./support.js";

const PAID = { status: 201, text: '{"ok":true}' };

describe("a duplicate while the first run goes on", () => {
  it("shares the first run's answer in the same process, marked as a replay", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    const waiting = house.send();
    expect(await isPending(waiting)).toBe(true);
    expect(await finish(run)).toEqual({ action: "send" });
    expect(seen(await waiting)).toMatchObject({ ...PAID, headers: { "Idempotency-Replayed": "true" } });
    expect(house.eventsOf("replayed")).toMatchObject([{ from: "run", status: 201 }]);
  });

  it("is let go only when the answer is recorded", async () => {
    const house = await openHouse();
    const stored = gate();
    house.store.next("complete", { after: stored.opened });
    const run = runOf(await house.send());
    const waiting = house.send();
    const ending = finish(run);
    expect(await isPending(waiting)).toBe(true);
    stored.open();
    expect(await ending).toEqual({ action: "send" });
    expect(seen(await waiting)).toMatchObject(PAID);
  });

  it("shares the answer of a run in another process, which it looks for in growing pauses", async () => {
    const house = await openHouse();
    const other = house.another();
    const run = runOf(await other.send());
    const waiting = house.send();
    await house.platform.advance(1000);
    expect(await isPending(waiting)).toBe(true);
    // 100, 300, 550 and 800 ms after the first answer.
    expect(house.store.count("read")).toBe(4);
    await finish(run);
    await house.platform.advance(250);
    expect(seen(await waiting)).toMatchObject(PAID);
    expect(house.eventsOf("replayed")).toMatchObject([{ from: "store" }]);
  });

  it("is told 409 and when to come back after 10 s, in the same process and in another one", async () => {
    const house = await openHouse();
    const other = house.another();
    await house.send();
    const waiting = [house.send(), other.send()];
    await house.platform.advance(9_999);
    for (const each of waiting) expect(await isPending(each)).toBe(true);
    await house.platform.advance(1);
    for (const each of waiting) {
      expect(problem(await each)).toMatchObject({ status: 409, code: "in-flight", executed: "unknown" });
      expect(Number(seen(await each).headers["Retry-After"])).toBeGreaterThanOrEqual(1);
    }
  });

  it('is told 409 at once by inFlight: "reject", with Retry-After from the lease that is left', async () => {
    const house = await openHouse();
    const other = house.another();
    const reject = { inFlight: "reject", leaseMs: 30_000 } as const;
    house.store.always("renew", "lose-request");
    await house.send({}, reject);
    await house.platform.advance(5_500);
    const answer = await other.send({}, reject);
    expect(problem(answer)).toMatchObject({ status: 409, code: "in-flight" });
    expect(seen(answer).headers["Retry-After"]).toBe("25");
    expect(problem(await house.send({}, reject))).toMatchObject({ status: 409, code: "in-flight" });
    expect(house.platform.monotonicMs()).toBe(5_500);
  });

  it("waits by a mount that waits though the run began in a mount that rejects", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, { inFlight: "reject" }));
    const waiting = house.send({}, { inFlight: "wait" });
    await finish(run);
    expect(seen(await waiting)).toMatchObject(PAID);
  });

  it("that arrives before the store has answered the first one costs no call of its own", async () => {
    const house = await openHouse();
    const claimed = gate();
    house.store.next("acquire", { replyAfter: claimed.opened });
    const all = Array.from({ length: 50 }, () => house.send());
    claimed.open();
    const run = runOf(await Promise.race(all));
    await finish(run);
    const verdicts = await Promise.all(all);
    expect(verdicts.filter(({ action }) => action === "run")).toHaveLength(1);
    for (const verdict of verdicts.filter(({ action }) => action === "answer"))
      expect(seen(verdict)).toMatchObject(PAID);
    expect(house.store.count()).toBe(2);
  });
});

describe("another payload under the same key", () => {
  const other = { body: '{"amount":2}' };

  it("is refused 422 before 409 while the first run goes on, in the same process and in another one", async () => {
    const house = await openHouse();
    await house.send({}, { inFlight: "reject" });
    for (const process of [house, house.another()]) {
      const answer = await process.send(other, { inFlight: "reject" });
      expect(problem(answer)).toMatchObject({ status: 422, code: "key-reused", executed: false });
    }
  });

  it("is refused 422 after the first run ended, and leaves the record untouched", async () => {
    const house = await openHouse();
    await house.pay();
    for (const process of [house, house.another()]) {
      expect(problem(await process.send(other))).toMatchObject({ status: 422, code: "key-reused" });
      expect(seen(await process.send())).toMatchObject(PAID);
    }
  });

  it("is refused 422 where the outcome is unknown, and asks no recover", async () => {
    const house = await openHouse();
    await house.send();
    house.store.always("renew", "lose-request");
    await house.platform.advance(15_000);
    const recover = () => {
      throw new Error("recover must not be called");
    };
    const process = house.another();
    expect(problem(await process.send(other, { recover }))).toMatchObject({ status: 422, code: "key-reused" });
    expect(process.eventsOf("unknown")).toEqual([]);
  });

  it("that leads and is refused 422 refuses no follower whose payload is the recorded one", async () => {
    const house = await openHouse();
    await house.another().pay();
    const claimed = gate();
    house.store.next("acquire", { replyAfter: claimed.opened });
    const leader = house.send(other);
    const follower = house.send();
    claimed.open();
    expect(problem(await leader)).toMatchObject({ code: "key-reused" });
    expect(seen(await follower)).toMatchObject(PAID);
  });

  it("that follows is refused 422 when the run it followed ends as the recorded one", async () => {
    const house = await openHouse();
    const claimed = gate();
    house.store.next("acquire", { replyAfter: claimed.opened });
    const leader = house.send();
    const follower = house.send(other);
    claimed.open();
    await finish(runOf(await leader));
    expect(problem(await follower)).toMatchObject({ status: 422, code: "key-reused" });
  });
});
