import { describe, expect, it } from "vitest";
import { finish, openHouse, runOf, seen } from "./support.js";

const MISUSE = { code: "misuse", message: "abandon() was called after the answer was recorded" };

describe("once.abandon()", () => {
  it("frees the key: the answer leaves unrecorded and the retry runs as attempt 2", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    await run.once.abandon();
    expect(await finish(run, { status: 402 })).toEqual({ action: "send" });
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire", "abandon"]);
    expect(house.eventsOf("abandoned")).toMatchObject([{ by: "handler" }]);
    expect(runOf(await house.send()).once.attempt).toBe(2);
  });

  it("frees the key for another payload, too", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    await run.once.abandon();
    await finish(run);
    expect(runOf(await house.send({ body: '{"amount":2}' })).once.attempt).toBe(2);
  });

  it("called twice, also at once and after the answer, frees it once", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    await Promise.all([run.once.abandon(), run.once.abandon()]);
    await finish(run);
    await run.once.abandon();
    expect(house.store.count("abandon")).toBe(1);
    expect(house.eventsOf("abandoned")).toHaveLength(1);
  });

  it("holds the last byte until the store knows", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    void run.once.abandon();
    await finish(run);
    expect(runOf(await house.another().send()).once.attempt).toBe(2);
  });

  it("resolves though the store is away, which is told in the background", async () => {
    const house = await openHouse();
    house.store.next("abandon", "lose-request", "lose-request");
    const { once } = runOf(await house.send());
    await once.abandon();
    await house.platform.advance(500);
    expect(house.store.count("abandon")).toBe(3);
    expect(runOf(await house.another().send()).once.attempt).toBe(2);
  });

  it("stops renewing the lease", async () => {
    const house = await openHouse();
    await runOf(await house.send()).once.abandon();
    await house.platform.advance(60_000);
    expect(house.store.count("renew")).toBe(0);
  });

  it("rejects with misuse once the answer was recorded, and the record stands", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    await finish(run);
    await expect(run.once.abandon()).rejects.toMatchObject(MISUSE);
    expect(seen(await house.another().send())).toMatchObject({ status: 201 });
  });

  it("rejects with misuse while the answer is being recorded, and after the run was cut off", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    const ending = finish(run);
    await expect(run.once.abandon()).rejects.toMatchObject(MISUSE);
    await ending;
    const cut = runOf(await house.send({ key: "k-2" }));
    cut.cut();
    await expect(cut.once.abandon()).rejects.toMatchObject(MISUSE);
    expect(house.store.count("abandon")).toBe(0);
  });

  it("before the answer is cut off frees the key", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    void run.once.abandon();
    run.head(200, [], []);
    run.cut();
    await house.platform.advance(0);
    expect(house.store.count("complete")).toBe(0);
    expect(runOf(await house.another().send()).once.attempt).toBe(2);
  });
});
