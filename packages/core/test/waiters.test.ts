import { describe, expect, it } from "vitest";
import { finish, isPending, joined, openHouse, problem, runOf, say, seen } from "./support.js";

describe("duplicates that wait", () => {
  it("are capped for each key: any further one is told 409 and when to come back", async () => {
    const house = await openHouse();
    const options = { maxWaitersPerKey: 2 };
    const run = runOf(await house.send({}, options));
    const waiting = [house.send({}, options), house.send({}, options)];
    expect(problem(await house.send({}, options))).toMatchObject({ status: 409, code: "in-flight" });
    expect((await house.send({ key: "k-2" }, options)).action).toBe("run");
    await finish(run);
    for (const each of waiting) expect(seen(await each).status).toBe(201);
  });

  it("are capped for each scope, whatever their keys, and another scope has its own room", async () => {
    const house = await openHouse();
    const options = { maxWaitersPerScope: 2 };
    for (const key of ["a", "b", "c"]) await house.send({ key }, options);
    const waiting = [house.send({ key: "a" }, options), house.send({ key: "b" }, options)];
    expect(problem(await house.send({ key: "c" }, options))).toMatchObject({ code: "in-flight" });
    await house.send({ caller: "bob" }, options);
    const bobs = house.send({ caller: "bob" }, options);
    for (const each of [...waiting, bobs]) expect(await isPending(each)).toBe(true);
  });

  it("make room when they are answered", async () => {
    const house = await openHouse();
    const options = { maxWaitersPerKey: 1, maxWaitersPerScope: 1 };
    for (const key of ["a", "b", "c"]) {
      const run = runOf(await house.send({ key }, options));
      const waiting = house.send({ key }, options);
      await finish(run);
      expect(seen(await waiting).status).toBe(201);
    }
  });

  it("make room when they have waited for too long", async () => {
    const house = await openHouse();
    const options = { maxWaitersPerKey: 1 };
    await house.send({}, options);
    const first = house.send({}, options);
    await house.platform.advance(10_000);
    expect(problem(await first)).toMatchObject({ code: "in-flight" });
    expect(await isPending(house.send({}, options))).toBe(true);
  });

  it("count while they read along with a stream, until it is over or they hang up", async () => {
    const house = await openHouse();
    const options = { maxWaitersPerKey: 1 };
    const run = runOf(await house.send({}, options));
    run.head(200, [], []);
    say(run, "one");
    const reading = joined(await house.send({}, options));
    expect(problem(await house.send({}, options))).toMatchObject({ code: "in-flight" });
    await reading.cancel();
    const next = joined(await house.send({}, options));
    await run.end();
    expect([await next.next(), await next.next()]).toEqual(["one", "end"]);
  });

  it("are capped too where the run is in another process", async () => {
    const house = await openHouse();
    const options = { maxWaitersPerScope: 1 };
    const other = house.another();
    for (const key of ["a", "b"]) await house.send({ key }, options);
    expect(await isPending(other.send({ key: "a" }, options))).toBe(true);
    expect(problem(await other.send({ key: "b" }, options))).toMatchObject({ status: 409, code: "in-flight" });
  });
});
