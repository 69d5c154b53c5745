import { describe, expect, it } from "vitest";
import { OnceoverError } from "../src/error.js";
import { finish, gate, openHouse, openUnexaminedHouse, problem, runOf, seen } from "./support.js";

const RUN = { onStoreDown: "run" } as const;
const DOWN = { status: 503, code: "store-unavailable", executed: false };

describe("a store that is down when a key arrives", () => {
  it("refuses 503 with Retry-After, and the handler is not called", async () => {
    const house = await openHouse();
    house.store.down();
    const answer = await house.send();
    expect(problem(answer)).toMatchObject(DOWN);
    expect(seen(answer).headers["Retry-After"]).toBe("1");
    expect(house.eventsOf("store-failed")[0]).toMatchObject({ verb: "acquire", error: { code: "store-unavailable" } });
  });

  it("refuses the followers with the same 503 and without a store call of their own", async () => {
    const house = await openHouse();
    house.store.down();
    const answers = (await Promise.all([house.send(), house.send(), house.send()])).map(seen);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(house.store.count("acquire")).toBe(1);
  });

  it("is told to give the key back in the background, until it says ok: the claim may have been made", async () => {
    const house = await openHouse();
    house.store.next("acquire", "lose-reply");
    house.store.next("abandon", "lose-request", "lose-request");
    expect(problem(await house.send())).toMatchObject(DOWN);
    await house.platform.advance(60_000);
    expect(house.store.count("abandon")).toBe(3);
    expect(runOf(await house.another().send()).once.attempt).toBe(2);
  });

  it("is asked again while it answers stale, because a late acquire may still arrive", async () => {
    const house = await openHouse();
    house.store.next("acquire", "lose-request");
    await house.send();
    await house.platform.advance(60_000);
    expect(house.store.count("abandon")).toBe(6);
    expect(house.platform.pendingTimers()).toBe(0);
    await house.once.idle();
  });

  it("frees the key it claims late: an acquire that arrives after its deadline is given back, and the retry runs", async () => {
    const house = await openHouse();
    const { opened, open } = gate();
    const claim = house.store.acquire.bind(house.store);
    house.store.next("acquire", "lose-request");
    await house.send();
    const [lost] = house.store.calls;
    void opened.then(() => claim(lost?.args[0] as Parameters<typeof claim>[0]));
    await house.platform.advance(50);
    open();
    await house.platform.advance(60_000);
    expect(runOf(await house.send()).once.attempt).toBe(2);
  });

  it.each(["record-unreadable", "store-full", "store-unfit"])(
    "is understood by the code of its error, of whichever copy of the class: %s is not run past",
    async (code) => {
      const house = await openHouse();
      house.store.next("acquire", { error: Object.assign(new Error("of another copy"), { code }) });
      expect(problem(await house.send({}, RUN))).toMatchObject({ status: 503, code, executed: false });
    },
  );

  it("with any other error is store-unavailable, and the key is given back", async () => {
    const house = await openHouse();
    house.store.next("acquire", { error: new Error("connection reset") });
    expect(problem(await house.send())).toMatchObject(DOWN);
    expect(house.store.count("abandon")).toBe(1);
  });

  it("during a wait for another process refuses 503, not 409", async () => {
    const house = await openHouse();
    await house.another().send();
    const waiting = house.send();
    await house.platform.advance(100);
    house.store.down();
    await house.platform.advance(1_000);
    expect(problem(await waiting)).toMatchObject(DOWN);
  });
});

describe('onStoreDown: "run"', () => {
  it("runs the handler, counted, with fence 0 and no promise", async () => {
    const house = await openHouse();
    house.store.down();
    const run = runOf(await house.send({}, RUN));
    expect(run.once).toMatchObject({ attempt: 1, fence: 0 });
    expect(house.eventsOf("ran-unrecorded")).toHaveLength(1);
    expect(await finish(run)).toEqual({ action: "send" });
  });

  it("still runs a key once at a time in this process, and shares the answer", async () => {
    const house = await openHouse();
    house.store.down();
    const all = [house.send({}, RUN), house.send({}, RUN)];
    await finish(runOf(await Promise.race(all)));
    expect((await Promise.all(all)).map(({ action }) => action)).toEqual(["run", "answer"]);
  });

  it("records the answer where the acquire had been made after all", async () => {
    const house = await openHouse();
    house.store.next("acquire", "lose-reply");
    await finish(runOf(await house.send({}, RUN)));
    await house.platform.advance(100);
    expect(seen(await house.another().send())).toMatchObject({ status: 201 });
  });

  it("renews no lease it may not have", async () => {
    const house = await openHouse();
    house.store.next("acquire", "lose-request");
    await house.send({}, RUN);
    await house.platform.advance(60_000);
    expect(house.store.count("renew")).toBe(0);
  });

  it("frees the key by abandon() all the same", async () => {
    const house = await openHouse();
    house.store.next("acquire", "lose-reply");
    const { once } = runOf(await house.send({}, RUN));
    await once.abandon();
    expect(runOf(await house.another().send()).once.attempt).toBe(2);
  });

  it("does not run a key whose store is full or whose record cannot be read", async () => {
    const house = await openHouse();
    for (const code of ["store-full", "record-unreadable"] as const) {
      house.store.next("acquire", { error: new OnceoverError(code, "scripted") });
      expect(problem(await house.send({}, RUN))).toMatchObject({ status: 503, code, executed: false });
    }
    expect(house.store.count("abandon")).toBe(0);
  });
});

describe("a store that is full", () => {
  it("refuses 503 store-full, followers too, and has nothing to give back", async () => {
    const house = await openHouse();
    house.store.always("acquire", { error: new OnceoverError("store-full", "scripted") });
    for (const verdict of await Promise.all([house.send(), house.send()])) {
      expect(problem(verdict)).toMatchObject({ status: 503, code: "store-full", executed: false });
    }
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire"]);
  });
});

describe("a store that does not keep its promise", () => {
  const finding = { setting: "maxmemory-policy", problem: "allkeys-lru evicts records", mend: "set noeviction" };
  const unfit = { answer: { tier: "T1", findings: [finding] } } as const;
  const openUnfit = (options = {}) => openUnexaminedHouse(options, (store) => store.always("verify", unfit));

  it("is refused at start: ready() rejects, naming the setting and its mend", async () => {
    const house = openUnfit();
    await expect(house.once.ready()).rejects.toMatchObject({
      code: "store-unfit",
      message:
        "the scripted store does not keep its promise: maxmemory-policy: allkeys-lru evicts records (set noeviction)",
    });
    expect(house.eventsOf("verified")).toEqual([{ type: "verified", tier: "T1", findings: [finding] }]);
  });

  it("lets requests in once the store was mended, without a restart", async () => {
    const house = openUnexaminedHouse({}, (store) => store.next("verify", unfit));
    expect(problem(await house.send({}))).toMatchObject({ code: "store-unfit" });
    await house.platform.advance(4_999);
    expect(problem(await house.send({}))).toMatchObject({ code: "store-unfit" });
    await house.platform.advance(1);
    expect((await house.send({})).action).toBe("run");
  });

  it("refuses each keyed request 503 store-unfit without a claim, on a route with onStoreDown: run too", async () => {
    const house = openUnfit();
    for (const options of [{}, RUN]) {
      expect(problem(await house.send({}, options))).toMatchObject({ status: 503, code: "store-unfit" });
    }
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["verify"]);
    expect(await house.send({ key: [] })).toEqual({ action: "pass" });
  });

  it('is told to the listeners and used by onUnfitStore: "warn"', async () => {
    const house = openUnfit({ onUnfitStore: "warn" });
    expect(await house.once.ready()).toEqual({ tier: "T1", findings: [finding] });
    expect((await house.send()).action).toBe("run");
    expect(house.eventsOf("verified")).toHaveLength(1);
  });
});

describe("a store that is down at start", () => {
  it("is examined again with the next request, once for all that wait, and serves when it is back", async () => {
    const house = openUnexaminedHouse({}, (store) => store.down());
    await expect(house.once.ready()).rejects.toMatchObject({
      code: "store-unavailable",
      message: "the scripted store could not be examined",
      cause: { code: "store-unavailable" },
    });
    expect(problem(await house.send())).toMatchObject(DOWN);
    expect(house.store.count("acquire")).toBe(0);
    house.store.heal();
    house.store.reset();
    const verdicts = await Promise.all([house.send({ key: "a" }), house.send({ key: "b" })]);
    expect(verdicts.map(({ action }) => action)).toEqual(["run", "run"]);
    expect(house.store.count("verify")).toBe(1);
    expect(await house.once.ready()).toEqual({ tier: "T0", findings: [] });
    expect(house.store.count("verify")).toBe(1);
  });

  it("holds requests until its first examination has ended", async () => {
    const examined = gate();
    const house = openUnexaminedHouse({}, (store) => store.next("verify", { after: examined.opened }));
    const waiting = house.send();
    await house.platform.advance(1_000);
    expect(house.store.count("acquire")).toBe(0);
    examined.open();
    expect((await waiting).action).toBe("run");
  });

  it('runs handlers unrecorded by onStoreDown: "run"', async () => {
    const house = openUnexaminedHouse({}, (store) => store.down());
    await finish(runOf(await house.send({}, RUN)));
    expect(house.eventsOf("ran-unrecorded")).toHaveLength(1);
  });
});
