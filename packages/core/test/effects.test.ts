import { describe, expect, it } from "vitest";
import { finish, openHouse, problem, runOf, seen } from "./support.js";

const REPEATABLE = { effects: "repeatable", leaseMs: 3_000 } as const;
const FAILED = { status: 502, body: "upstream" };

describe('effects: "once"', () => {
  it.each([500, 503, 599])("records and replays a %i", async (status) => {
    const house = await openHouse();
    await house.pay({}, {}, { status, body: "no" });
    for (const process of [house, house.another()]) {
      expect(seen(await process.send())).toMatchObject({ status, text: "no" });
    }
    expect(house.eventsOf("abandoned")).toEqual([]);
  });

  it.each([200, 204, 303, 400, 404])("records and replays a %i", async (status) => {
    const house = await openHouse();
    await house.pay({}, {}, { status, body: "" });
    expect(seen(await house.another().send())).toMatchObject({ status, text: "" });
  });

  it("never repeats a run whose lease ended: it answers 409 outcome-unknown, each time", async () => {
    const house = await openHouse();
    await house.send({}, { leaseMs: 3_000 });
    house.store.always("renew", "lose-request");
    await house.platform.advance(3_000);
    const other = house.another();
    for (let retry = 0; retry < 3; retry += 1) {
      expect(problem(await other.send())).toMatchObject({ status: 409, code: "outcome-unknown", executed: "unknown" });
    }
    expect(other.eventsOf("run")).toEqual([]);
    expect(other.eventsOf("unknown")).toMatchObject([1, 2, 3].map(() => ({ attempt: 1, settled: "unknown" })));
  });

  it("answers a run that ends after its outcome counted as unknown, and all retries from then on", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, { leaseMs: 3_000 }));
    house.store.always("renew", "lose-request");
    await house.platform.advance(4_000);
    const other = house.another();
    expect(problem(await other.send())).toMatchObject({ code: "outcome-unknown" });
    await finish(run);
    expect(seen(await other.send())).toMatchObject({ status: 201 });
  });
});

describe('effects: "repeatable"', () => {
  it.each([500, 502, 599])(
    "frees the key by a %i, which leaves as it is, and the retry runs as attempt 2",
    async (status) => {
      const house = await openHouse();
      expect(await house.pay({}, REPEATABLE, { status })).toEqual({ action: "send" });
      expect(house.eventsOf("abandoned")).toMatchObject([{ by: "failure" }]);
      expect(house.store.count("complete")).toBe(0);
      const retry = runOf(await house.send({}, REPEATABLE));
      expect(retry.once.attempt).toBe(2);
      expect(house.eventsOf("run")[1]?.fence).toBeGreaterThan(house.eventsOf("run")[0]?.fence ?? Infinity);
    },
  );

  it("records a 4xx: the client's mistake does not go away by running again", async () => {
    const house = await openHouse();
    await house.pay({}, REPEATABLE, { status: 422 });
    expect(seen(await house.another().send({}, REPEATABLE))).toMatchObject({ status: 422 });
  });

  it("shares a 5xx with the duplicates that waited for it: they do not run one after the other", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, REPEATABLE));
    const waiting = [house.send({}, REPEATABLE), house.send({}, REPEATABLE)];
    await finish(run, FAILED);
    for (const each of waiting) expect(seen(await each)).toMatchObject({ status: 502, text: "upstream" });
    expect(house.eventsOf("run")).toHaveLength(1);
  });

  it("lets a duplicate that waited in another process run", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, REPEATABLE));
    const waiting = house.another().send({}, REPEATABLE);
    await house.platform.advance(10);
    await finish(run, FAILED);
    await house.platform.advance(250);
    expect(runOf(await waiting).once.attempt).toBe(2);
  });

  it("tells a store that is away in the background that the key is free", async () => {
    const house = await openHouse();
    house.store.next("abandon", "lose-request", "lose-reply");
    await house.pay({}, REPEATABLE, FAILED);
    await house.platform.advance(500);
    expect(house.store.count("abandon")).toBe(3);
    expect(runOf(await house.another().send({}, REPEATABLE)).once.attempt).toBe(2);
  });

  it("takes over a dead lease and runs again, without asking recover", async () => {
    const house = await openHouse();
    await house.send({}, REPEATABLE);
    house.store.always("renew", "lose-request");
    await house.platform.advance(2_999);
    const other = house.another();
    const options = { ...REPEATABLE, inFlight: "reject", recover: () => ({ outcome: "unknown" as const }) } as const;
    expect(problem(await other.send({}, options))).toMatchObject({ code: "in-flight" });
    await house.platform.advance(1);
    expect(runOf(await other.send({}, options)).once.attempt).toBe(2);
    expect(other.eventsOf("unknown")).toEqual([]);
  });

  it("keeps a dead lease of another payload from being taken over", async () => {
    const house = await openHouse();
    await house.send({}, REPEATABLE);
    house.store.always("renew", "lose-request");
    await house.platform.advance(3_000);
    expect(problem(await house.another().send({ body: "{}" }, REPEATABLE))).toMatchObject({ code: "key-reused" });
  });
});

describe("once", () => {
  it("tells the handler key, attempt, fence and revision", async () => {
    const house = await openHouse();
    const { once } = runOf(await house.send({ key: '"k-1";v=1' }));
    expect(once).toMatchObject({ key: "k-1", attempt: 1, revision: "r42" });
    expect(once.fence).toBe(house.platform.epochMs());
  });

  it("gives the same effect key for a step in every run, another one for each step, key and scope", async () => {
    const house = await openHouse();
    const first = runOf(await house.send({}, REPEATABLE));
    const effectKey = first.once.effectKey("charge");
    await finish(first, FAILED);
    const second = runOf(await house.another().send({}, REPEATABLE));
    expect(second.once.effectKey("charge")).toBe(effectKey);
    const others = [
      second.once.effectKey("mail"),
      runOf(await house.send({ key: "k-2" })).once.effectKey("charge"),
      runOf(await house.send({ caller: "bob" })).once.effectKey("charge"),
    ];
    expect(new Set([effectKey, ...others]).size).toBe(4);
    expect(effectKey).toMatch(/^[\w-]{27}\.charge$/);
  });

  it.each(["", "a b", "ä", "x".repeat(65)])("throws a TypeError for the step %j", async (step) => {
    const house = await openHouse();
    const { once } = runOf(await house.send());
    expect(() => once.effectKey(step)).toThrow(
      new TypeError(`step must be 1 to 64 letters, digits, ".", "_" or "-", got ${JSON.stringify(step)}`),
    );
  });
});
