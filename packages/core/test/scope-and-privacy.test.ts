import { describe, expect, it } from "vitest";
import { SHARED_SCOPE } from "../src/scope.js";
import { finish, openHouse, problem, runOf, seen } from "./support.js";

describe("scope", () => {
  it.each([
    ["nothing", undefined],
    ["null", null],
    ["the empty text", ""],
    ["no names", []],
    ["an empty name", ["acme", ""]],
    ["a lone high surrogate", "\ud800"],
    ["a lone low surrogate", ["acme", "x\udc00"]],
    ["a number", 7 as unknown as string],
    ["an object", { id: "alice" } as unknown as string],
    ["a name that is no text", ["acme", 7 as unknown as string]],
  ])("that yields %s is refused 403, and nothing is asked of the store", async (_, caller) => {
    const house = await openHouse();
    expect(problem(await house.send({ caller }))).toMatchObject({
      status: 403,
      code: "scope-missing",
      executed: false,
    });
    expect(house.store.count()).toBe(0);
  });

  it("keeps two callers apart who send one key", async () => {
    const house = await openHouse();
    await house.pay({ caller: "alice" }, {}, { body: "for alice" });
    expect((await house.send({ caller: "bob" })).action).toBe("run");
    expect(seen(await house.send({ caller: ["alice"] }))).toMatchObject({ text: "for alice" });
  });

  it("keeps names apart that run together in the same way", async () => {
    const house = await openHouse();
    const callers = [["a", "b"], ["ab"], ["a", "", "b"].slice(0, 1), ["b", "a"], ["1:a1:b"], "a😀"] as const;
    for (const caller of callers) await house.pay({ caller });
    expect(house.eventsOf("run")).toHaveLength(callers.length);
  });

  it("of a mount counts in place of the instance's", async () => {
    const house = await openHouse();
    await house.pay();
    const options = { scope: () => "tenant" };
    expect((await house.send({}, options)).action).toBe("run");
  });

  it("that is SHARED_SCOPE gives one caller's answer to all", async () => {
    const house = await openHouse({ scope: SHARED_SCOPE });
    await house.pay({ caller: "github" });
    expect(seen(await house.send({ caller: "anybody" }))).toMatchObject({ status: 201 });
  });

  it("of one service never meets another service's key in the same store", async () => {
    const house = await openHouse();
    await house.pay();
    expect((await house.another({ service: "refunds" }).send()).action).toBe("run");
  });

  it("meets the key of another revision: the retry that reaches the next revision is a duplicate", async () => {
    const house = await openHouse();
    await house.pay();
    expect(seen(await house.another({ revision: "r43" }).send())).toMatchObject({ status: 201 });
  });

  it.each(["throws", "rejects"])("that %s rejects the attempt with that error, and nothing is claimed", async (how) => {
    const house = await openHouse();
    const error = new Error("session store down");
    const scope = () => {
      if (how === "rejects") return Promise.reject(error);
      throw error;
    };
    await expect(house.send({}, { scope })).rejects.toBe(error);
    expect(house.store.count()).toBe(0);
    expect((await house.send()).action).toBe("run");
  });
});

describe("a fingerprint function that throws", () => {
  it("rejects the attempt with that error, and nothing is claimed", async () => {
    const house = await openHouse();
    const error = new Error("no");
    await expect(house.send({}, { fingerprint: () => Promise.reject(error) })).rejects.toBe(error);
    expect(house.store.count()).toBe(0);
  });
});

describe("listeners", () => {
  it("that throw are ignored, at every event of a run and its replay", async () => {
    let calls = 0;
    const on = () => {
      calls += 1;
      throw new Error("metrics down");
    };
    const house = await openHouse({ on });
    await house.pay();
    expect(seen(await house.send())).toMatchObject({ status: 201 });
    expect(calls).toBe(4);
  });
});

describe("what a client sends", () => {
  const CANARY = "canary-4242";
  const sent = { key: CANARY, caller: `caller-${CANARY}`, target: `/pay/${CANARY}`, body: `{"card":"${CANARY}"}` };

  it("reaches no store key, no argument of the store but the answer's bytes, no event and no error", async () => {
    const house = await openHouse();
    house.store.next("complete", "lose-request");
    const run = runOf(await house.send(sent, { leaseMs: 3_000 }));
    await house.platform.advance(3_000);
    await finish(run);
    await house.platform.advance(1_000);
    await house.send(sent);
    await house.send({ ...sent, body: "{}" });
    await house.send({ ...sent, key: `"${CANARY}` });
    house.store.down();
    await house.send({ ...sent, key: `${CANARY}-2` });
    await house.platform.advance(30_000);
    const misuse = await run.once.abandon().catch((error: unknown) => error);
    expect(house.store.count()).toBeGreaterThan(8);
    for (const told of [house.store.calls, house.events, misuse]) expect(textOf(told)).not.toContain(CANARY);
  });

  it("is shown in events as ten characters of the store key, none of its scope's", async () => {
    const house = await openHouse();
    await house.pay(sent);
    const [acquire] = house.store.calls;
    const { key = "" } = (acquire?.args[0] ?? {}) as { readonly key?: string };
    expect(key).toMatch(/^[\w-]{43}$/);
    for (const event of house.events.slice(1)) expect(event).toMatchObject({ keyDigest: key.slice(16, 26) });
  });
});

/** Everything that can be read out of a value, bytes as text. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (inner instanceof Uint8Array) return Buffer.from(inner).toString("latin1");
    return inner instanceof Error
      ? { ...inner, message: inner.message, stack: inner.stack, cause: inner.cause }
      : inner;
  });
}

describe("idle()", () => {
  it("resolves at once where nothing is going on, and when the last run has ended", async () => {
    const house = await openHouse();
    await house.once.idle();
    const runs = [runOf(await house.send()), runOf(await house.send({ key: "k-2" }))];
    let idle = false;
    const waiting = house.once.idle().then(() => {
      idle = true;
    });
    for (const run of runs) {
      expect(idle).toBe(false);
      await finish(run);
    }
    await waiting;
    expect(idle).toBe(true);
  });
});
