import { describe, expect, it } from "vitest";
import { finish, openHouse, problem, runOf, seen } from "./support.js";

describe("round trips to the store", () => {
  it("are two for a first run: acquire and complete", async () => {
    const house = await openHouse();
    await house.pay();
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire", "complete"]);
  });

  it("are one for a replay of an answer that another process recorded", async () => {
    const house = await openHouse();
    await house.another().pay();
    house.store.reset();
    expect(seen(await house.send())).toMatchObject({ status: 201 });
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire"]);
  });

  it("are one for the first retry of one's own run, and none from then on: what nobody asks for again is not kept at hand", async () => {
    const house = await openHouse();
    await house.pay();
    house.store.reset();
    for (const from of ["store", "cache", "cache"]) {
      expect(seen(await house.send())).toMatchObject({ status: 201 });
      expect(house.events.at(-1)).toMatchObject({ type: "replayed", from });
    }
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire"]);
  });

  it("are one again when the record has been in the cache for a minute", async () => {
    const house = await openHouse();
    await house.pay();
    await house.send();
    house.store.reset();
    await house.platform.advance(59_999);
    await house.send();
    expect(house.store.count()).toBe(0);
    await house.platform.advance(1);
    await house.send();
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire"]);
  });

  it("are none for duplicates of a run in the same process", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    house.store.reset();
    const duplicates = Array.from({ length: 10 }, () => house.send());
    await finish(run);
    for (const duplicate of duplicates) expect(seen(await duplicate)).toMatchObject({ status: 201 });
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["complete"]);
  });

  it.each([
    ["key-invalid", { key: "a,b" }, {}],
    ["key-invalid", { key: ["k", "k"] }, {}],
    ["key-missing", { key: [] }, { required: true }],
    ["scope-missing", { caller: undefined }, {}],
    ["body-too-large", { body: { outcome: "too-large" } }, {}],
    ["body-broken", { body: { outcome: "broken" } }, {}],
    ["body-consumed", { body: { outcome: "consumed" } }, {}],
  ] as const)("are none for a request refused with %s (%j)", async (code, sent, options) => {
    const house = await openHouse();
    expect(problem(await house.send(sent, options))).toMatchObject({ code, executed: false });
    expect(house.store.count()).toBe(0);
    expect(house.events.at(-1)).toEqual({ type: "refused", code });
  });

  it("are none for a request without a key, and for a method that is not listed", async () => {
    const house = await openHouse();
    expect(await house.send({ key: [] })).toEqual({ action: "pass" });
    expect(await house.send({ method: "PUT" })).toEqual({ action: "pass" });
    expect(await house.send({ method: "GET", key: [] }, { required: true })).toEqual({ action: "pass" });
    expect(house.store.count()).toBe(0);
  });
});
