import { describe, expect, it } from "vitest";
import { finish, gate, isPending, openHouse, problem, runOf, say } from "./support.js";

const QUARTER_HOUR_MS = 15 * 60_000;

describe("a run whose client has gone", () => {
  it("is cut after a quarter of an hour without an answer, and its adapter is told", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    let given = 0;
    run.detach(() => {
      given += 1;
    });
    run.head(200, [], []);
    say(run, "half");
    await house.platform.advance(QUARTER_HOUR_MS - 1);
    expect(given).toBe(0);
    await house.platform.advance(1);
    expect(given).toBe(1);
    expect(problem(await house.send())).toMatchObject({ code: "answer-not-kept" });
  });

  it("that ends in time is left alone, whether it is detached before or after its end", async () => {
    const house = await openHouse();
    const giveUp = () => {
      throw new Error("it was given up");
    };
    const run = runOf(await house.send());
    run.detach(giveUp);
    await finish(run);
    run.detach(giveUp);
    await house.platform.advance(2 * QUARTER_HOUR_MS);
    expect(house.eventsOf("recorded")).toHaveLength(1);
  });
});

describe("settled()", () => {
  it("resolves when the record is stored, for whoever asked before or asks later", async () => {
    const house = await openHouse();
    const stored = gate();
    house.store.next("complete", { after: stored.opened });
    const run = runOf(await house.send());
    const settled = run.settled();
    void finish(run);
    expect(await isPending(settled)).toBe(true);
    stored.open();
    await settled;
    await run.settled();
  });

  it("waits for a record that is stored late", async () => {
    const house = await openHouse();
    house.store.next("complete", "lose-request");
    const run = runOf(await house.send());
    await finish(run);
    const settled = run.settled();
    expect(await isPending(settled)).toBe(true);
    await house.platform.advance(100);
    await settled;
  });

  it("resolves after a cut, and after a key was freed", async () => {
    const house = await openHouse();
    const [cut, freed] = [runOf(await house.send()), runOf(await house.send({ key: "k-2" }))];
    cut.cut();
    await freed.once.abandon();
    await freed.end();
    await Promise.all([cut.settled(), freed.settled()]);
  });
});

describe("keeps", () => {
  it("says so until the answer is too large to record", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, { maxRecordBytes: 10 }));
    run.head(200, [], []);
    say(run, "x".repeat(10));
    expect(run.keeps()).toBe(true);
    say(run, "x");
    expect(run.keeps()).toBe(false);
  });
});
