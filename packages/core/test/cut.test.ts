import { describe, expect, it } from "vitest";
import type { MountOptions } from "../src/options.js";
import { finish, gate, type House, openHouse, problem, runOf, seen, type TestRequest } from "./support.js";

const LEASE = { leaseMs: 3_000 } as const;
const REPEATABLE = { effects: "repeatable", leaseMs: 3_000 } as const;

async function cutOff(house: House, options: MountOptions<TestRequest>, status?: number): Promise<void> {
  const run = runOf(await house.send({}, options));
  if (status !== undefined) run.head(status, [["Content-Type", "text/plain"]], []);
  run.write(new Uint8Array(3));
  run.cut();
  await house.platform.advance(0);
}

describe("an answer that is cut off", () => {
  it("before its head, by effects: once, is lost: the outcome is unknown when the lease has ended", async () => {
    const house = await openHouse();
    await cutOff(house, LEASE);
    expect(house.eventsOf("answer-lost")).toHaveLength(1);
    expect(problem(await house.send({}, { ...LEASE, inFlight: "reject" }))).toMatchObject({ code: "in-flight" });
    await house.platform.advance(3_000);
    expect(problem(await house.send({}, LEASE))).toMatchObject({ status: 409, code: "outcome-unknown" });
    expect(house.eventsOf("run")).toHaveLength(1);
  });

  it("before its head, by effects: repeatable, frees the key", async () => {
    const house = await openHouse();
    await cutOff(house, REPEATABLE);
    expect(house.eventsOf("abandoned")).toMatchObject([{ by: "failure" }]);
    expect(runOf(await house.send({}, REPEATABLE)).once.attempt).toBe(2);
  });

  it.each(["once", "repeatable"] as const)(
    "after a 200, by effects: %s, leaves a tombstone: retries are told and nothing runs",
    async (effects) => {
      const house = await openHouse();
      await cutOff(house, { ...LEASE, effects }, 200);
      expect(house.eventsOf("recorded")).toMatchObject([{ status: 200, tombstone: "cut" }]);
      for (const process of [house, house.another()]) {
        expect(problem(await process.send({}, { effects }))).toEqual({
          type: "urn:onceover:problem:answer-not-kept",
          title: "This request was run; its answer was not kept.",
          status: 409,
          detail: "The answer was cut off before its end.",
          code: "answer-not-kept",
          executed: true,
          originalStatus: 200,
        });
      }
      expect(house.eventsOf("run")).toHaveLength(1);
    },
  );

  it("after a 502, by effects: repeatable, frees the key", async () => {
    const house = await openHouse();
    await cutOff(house, REPEATABLE, 502);
    expect(runOf(await house.send({}, REPEATABLE)).once.attempt).toBe(2);
  });

  it("tells the duplicates that waited what is recorded", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    const waiting = house.send();
    run.head(200, [], []);
    run.cut();
    expect(problem(await waiting)).toMatchObject({ code: "answer-not-kept", originalStatus: 200 });
  });

  it("while the store is away leaves its tombstone later", async () => {
    const house = await openHouse();
    house.store.next("complete", "lose-request");
    await cutOff(house, LEASE, 200);
    expect(house.eventsOf("record-late")).toHaveLength(1);
    await house.platform.advance(100);
    expect(problem(await house.another().send())).toMatchObject({ code: "answer-not-kept" });
  });

  it("after it was whole is whole: a client that hangs up changes neither run nor record", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    const stored = gate();
    house.store.next("complete", { after: stored.opened });
    const ending = finish(run);
    run.cut();
    stored.open();
    await ending;
    run.cut();
    expect(seen(await house.another().send())).toMatchObject({ status: 201 });
    expect(house.eventsOf("recorded")).toHaveLength(1);
  });

  it("is over: a later end() sends and records nothing", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    run.cut();
    expect(await finish(run)).toEqual({ action: "send" });
    expect(house.store.count("complete")).toBe(0);
  });
});

describe("an answer that cannot be recorded", () => {
  const small = { maxRecordBytes: 64 } as const;

  it("for its size is sent as it is, and leaves a tombstone with its status", async () => {
    const house = await openHouse();
    expect(await house.pay({}, small, { status: 201, body: "x".repeat(65) })).toEqual({ action: "send" });
    expect(house.eventsOf("recorded")).toMatchObject([{ status: 201, tombstone: "too-large" }]);
    for (const process of [house, house.another()]) {
      expect(problem(await process.send())).toMatchObject({
        status: 409,
        code: "answer-not-kept",
        executed: true,
        originalStatus: 201,
        detail: "The answer was larger than this route records.",
      });
    }
  });

  it.each([
    ["a line break", [["X-Note", "a\r\nSet-Cookie: b"]]],
    ["a NUL", [["X-Note", "a\0b"]]],
    ["a space in a name", [["X-No te", "a"]]],
  ] as const)("for %s in its header leaves a tombstone", async (_, headers) => {
    const house = await openHouse();
    await house.pay({}, {}, { headers });
    expect(house.eventsOf("recorded")).toMatchObject([{ tombstone: "unrecordable" }]);
    expect(problem(await house.another().send())).toMatchObject({
      code: "answer-not-kept",
      detail: "The answer had a header that cannot be recorded.",
    });
  });
});
