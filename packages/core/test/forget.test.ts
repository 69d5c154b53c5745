import { describe, expect, it } from "vitest";
import { OnceoverError } from "../src/error.js";
import { SHARED_SCOPE } from "../src/scope.js";
import { type House, openHouse, runOf, seen } from "./support.js";

/** The pages of a listing, as a store might make them. */
const PAGES = [
  { answer: { forgotten: 100, cursor: "page-2" } },
  { answer: { forgotten: 0, cursor: "page-3" } },
  { answer: { forgotten: 7 } },
];

/** What forgetScope was asked for since the store was reset: scope and cursor. */
function asked(house: House): readonly (readonly unknown[])[] {
  return house.store.calls.filter(({ verb }) => verb === "forgetScope").map(({ args }) => args);
}

describe("forgetScope()", () => {
  it("makes every key of the scope count as never seen, in this process and in the store, and says how many", async () => {
    const house = await openHouse();
    for (const key of ["k-1", "k-2", "k-3"]) await house.pay({ key });
    await house.pay({ caller: "bob" });
    expect(await house.once.forgetScope("alice")).toBe(3);
    expect(await house.once.forgetScope("alice")).toBe(0);
    for (const key of ["k-1", "k-2", "k-3"]) expect(runOf(await house.send({ key })).once.attempt).toBe(1);
  });

  it("leaves what this process has at hand of other scopes: their retries cost no round trip", async () => {
    const house = await openHouse();
    for (const caller of ["alice", "bob", ["alice", "2"]]) await house.pay({ caller });
    for (const caller of ["alice", "bob", ["alice", "2"]]) await house.send({ caller });
    await house.once.forgetScope("alice");
    house.store.reset();
    for (const caller of ["bob", ["alice", "2"]]) {
      expect(seen(await house.send({ caller }))).toMatchObject({ status: 201 });
    }
    expect(house.store.count()).toBe(0);
    expect((await house.send({ caller: "alice" })).action).toBe("run");
    expect(house.store.count("acquire")).toBe(1);
  });

  it("goes on page after page until the store gives no cursor, and adds up", async () => {
    const house = await openHouse();
    house.store.next("forgetScope", ...PAGES);
    expect(await house.once.forgetScope("alice")).toBe(107);
    const [[scope] = []] = asked(house);
    expect(scope).toMatch(/^[\w-]{16}$/);
    expect(asked(house)).toEqual([
      [scope, undefined],
      [scope, "page-2"],
      [scope, "page-3"],
    ]);
  });

  it("asks for what the store keys of that scope begin with, and of no other scope or service", async () => {
    const house = await openHouse();
    await house.pay();
    await house.once.forgetScope("alice");
    const [[scope] = []] = asked(house);
    expect(house.store.calls[0]?.args[0]).toMatchObject({ key: expect.stringMatching(new RegExp(`^${scope}`)) });
    await house.once.forgetScope("bob");
    await house.another({ service: "refunds" }).once.forgetScope("alice");
    expect(new Set(asked(house).map(([each]) => each)).size).toBe(3);
  });

  it("rejects as the store does where a page fails, and finishes when it is asked again", async () => {
    const house = await openHouse();
    await house.pay();
    house.store.next("forgetScope", ...PAGES.slice(0, 1), "lose-request");
    await expect(house.once.forgetScope("alice")).rejects.toBeInstanceOf(OnceoverError);
    expect(await house.once.forgetScope("alice")).toBe(1);
    expect(runOf(await house.send()).once.attempt).toBe(1);
  });

  it("is not undone by a replay that runs beside it", async () => {
    const house = await openHouse();
    await house.pay();
    let reach = () => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    house.store.next("forgetScope", { after: reached });
    const forgetting = house.once.forgetScope("alice");
    await house.send();
    reach();
    expect(await forgetting).toBe(1);
    expect((await house.send()).action).toBe("run");
  });

  it("leaves another process its replays for a minute and no longer", async () => {
    const house = await openHouse();
    const other = house.another();
    await house.pay();
    await other.send();
    await house.once.forgetScope("alice");
    expect(seen(await other.send())).toMatchObject({ status: 201 });
    await house.platform.advance(60_000);
    expect((await other.send()).action).toBe("run");
  });

  it("takes [] for SHARED_SCOPE, and throws a TypeError for a scope that names nobody", async () => {
    const house = await openHouse({ scope: SHARED_SCOPE });
    await house.pay();
    expect(await house.once.forgetScope([])).toBe(1);
    for (const scope of [undefined, null, "", [""], "\ud800"]) {
      await expect(house.once.forgetScope(scope)).rejects.toThrow(
        new TypeError("scope must name the caller, or be [] for SHARED_SCOPE"),
      );
    }
    expect(asked(house)).toHaveLength(1);
  });
});
