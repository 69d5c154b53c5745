import { describe, expect, it } from "vitest";
import type { HeaderLine } from "../src/facts.js";
import type { Run } from "../src/run.js";
import { finish, gate, type House, isPending, joined, openHouse, problem, runOf, say, seen } from "./support.js";

const EVENTS: readonly HeaderLine[] = [
  ["Content-Type", "text/event-stream"],
  ["Set-Cookie", "seen=1"],
];

async function begin(house: House, options = {}, status = 200): Promise<Run> {
  const run = runOf(await house.send({}, options));
  run.head(status, EVENTS, []);
  say(run, "one ");
  return run;
}

describe("a duplicate that arrives while the answer is streamed, in the same process", () => {
  it("gets what has left and then what comes, in the same pieces, as a replay; its end waits for the record", async () => {
    const house = await openHouse();
    const stored = gate();
    house.store.next("complete", { after: stored.opened });
    const run = await begin(house);
    const reading = joined(await house.send());
    expect(reading).toMatchObject({ status: 200, headers: { "Idempotency-Replayed": "true" } });
    expect(reading.headers).not.toHaveProperty("Set-Cookie");
    expect(await reading.next()).toBe("one ");
    say(run, "two ");
    expect(await reading.next()).toBe("two ");
    say(run, "three");
    const ending = run.end();
    expect(await reading.next()).toBe("three");
    const end = reading.next();
    expect(await isPending(end)).toBe(true);
    stored.open();
    expect(await end).toBe("end");
    expect(await ending).toEqual({ action: "send" });
    expect(seen(await house.send()).text).toBe("one two three");
    expect(house.eventsOf("run")).toHaveLength(1);
    expect(house.eventsOf("replayed")).toMatchObject([{ from: "run" }, { from: "store" }]);
  });

  it("that came before the first byte joins when there is one", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    const waiting = house.send();
    expect(await isPending(waiting)).toBe(true);
    run.head(200, EVENTS, []);
    expect(await isPending(waiting)).toBe(true);
    say(run, "one ");
    expect(await joined(await waiting).next()).toBe("one ");
  });

  it("of another scope, or with another payload, gets none of it", async () => {
    const house = await openHouse();
    await begin(house);
    expect((await house.send({ caller: "bob" })).action).toBe("run");
    expect(problem(await house.send({ body: '{"amount":2}' }))).toMatchObject({ code: "key-reused" });
  });

  it('by inFlight: "reject" is told 409', async () => {
    const house = await openHouse();
    await begin(house);
    expect(problem(await house.send({}, { inFlight: "reject" }))).toMatchObject({ code: "in-flight" });
  });

  it("in another process waits for the record", async () => {
    const house = await openHouse();
    const run = await begin(house);
    const waiting = house.another().send();
    await house.platform.advance(1000);
    expect(await isPending(waiting)).toBe(true);
    await run.end();
    await house.platform.advance(250);
    expect(seen(await waiting).text).toBe("one ");
  });

  it("is cut off with the answer, and a retry is told", async () => {
    const house = await openHouse();
    const run = await begin(house);
    const reading = joined(await house.send());
    await reading.next();
    run.cut();
    await expect(reading.next()).rejects.toThrow("cut off");
    expect(problem(await house.send())).toMatchObject({ code: "answer-not-kept" });
  });

  it("is cut off with the answer, though that could not be recorded at once", async () => {
    const house = await openHouse();
    const run = await begin(house);
    const reading = joined(await house.send());
    await reading.next();
    house.store.next("complete", "lose-request");
    run.cut();
    await expect(reading.next()).rejects.toThrow("cut off");
  });

  it("is cut off where the answer turns out not to be the recorded one", async () => {
    const house = await openHouse();
    const run = await begin(house);
    const reading = joined(await house.send());
    await reading.next();
    house.store.next("complete", { answer: "stale" });
    void run.end();
    await expect(reading.next()).rejects.toThrow("cut off");
  });

  it("reads on when the answer outgrows its record; one that comes later waits, and is told in the end", async () => {
    const house = await openHouse();
    const options = { maxRecordBytes: 50 };
    const run = await begin(house, options);
    const reading = joined(await house.send({}, options));
    await reading.next();
    for (const part of ["a", "b", "c"]) {
      say(run, part.repeat(30));
      expect(await reading.next()).toBe(part.repeat(30));
    }
    expect(run.keeps()).toBe(true);
    const late = house.send({}, options);
    expect(await isPending(late)).toBe(true);
    await run.end();
    expect(await reading.next()).toBe("end");
    expect(problem(await late)).toMatchObject({ code: "answer-not-kept" });
  });

  it("that reads too slowly for an answer without end is cut off, so that memory does not grow", async () => {
    const house = await openHouse();
    const options = { maxRecordBytes: 100 };
    const run = await begin(house, options);
    const reading = joined(await house.send({}, options));
    for (let count = 0; count < 8; count += 1) say(run, "x".repeat(30));
    await expect(reading.next()).rejects.toThrow("cut off");
    expect(run.keeps()).toBe(false);
  });

  it("that hangs up leaves the run and the others alone", async () => {
    const house = await openHouse();
    const run = await begin(house);
    const [gone, stays] = [joined(await house.send()), joined(await house.send())];
    await gone.cancel();
    say(run, "two");
    expect([await stays.next(), await stays.next()]).toEqual(["one ", "two"]);
    await run.end();
    expect(await stays.next()).toBe("end");
  });

  it("gets bytes of its own: what it does to them reaches neither the record nor another one", async () => {
    const house = await openHouse();
    const run = await begin(house);
    for (let count = 0; count < 2; count += 1) {
      const verdict = await house.send();
      if (verdict.action !== "join") throw new Error("expected to join");
      const { value } = await verdict.answer.body.getReader().read();
      expect(Buffer.from(value ?? []).toString()).toBe("one ");
      value?.fill(0);
    }
    await run.end();
    expect(seen(await house.send()).text).toBe("one ");
  });

  it("joins no failure that will free its key, and gets what the flight comes to", async () => {
    const house = await openHouse();
    const options = { effects: "repeatable" } as const;
    const run = await begin(house, options, 502);
    const waiting = house.send({}, options);
    expect(await isPending(waiting)).toBe(true);
    await run.end();
    expect(seen(await waiting).status).toBe(502);
  });

  it("joins no answer of a run that was abandoned", async () => {
    const house = await openHouse();
    const run = await begin(house);
    await run.once.abandon();
    expect(await isPending(house.send())).toBe(true);
    await run.end();
  });

  it("joins an answer that leaves although its record could not be stored", async () => {
    const house = await openHouse();
    const run = await begin(house);
    const reading = joined(await house.send());
    await reading.next();
    house.store.next("complete", "lose-request");
    await run.end();
    expect(await reading.next()).toBe("end");
  });

  it("that finds the answer whole gets the record, with its length", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    const waiting = house.send();
    await finish(run);
    expect((await waiting).action).toBe("answer");
  });
});
