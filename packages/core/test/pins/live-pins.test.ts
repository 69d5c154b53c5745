import { describe, expect, it } from "vitest";
import type { PinOptions } from "../../src/pins/pin-settings.js";
import { fakePlatform, settled } from "../fake-platform.js";
import { isPending } from "../support.js";
import { type PinnedService, pinnedService } from "./service.js";

type Options = PinOptions<Record<never, never>>;

const WRITES: Options = { writes: { schemaRev: 12, indexHash: "B" }, accepts: { schemaRev: [11], indexHash: ["A"] } };

const reading = (said: unknown, more: Options = {}): PinnedService =>
  pinnedService({ pins: { ...WRITES, read: () => said as Record<string, unknown>, ...more } });

const read = ({ events }: PinnedService) => events.filter(({ type }) => type === "read-failed");
const schemaRev = (value: string) => ({ headers: { "schema-rev": value } });

describe("what a reader says", () => {
  it.each([
    [{ schemaRev: 11 }, { schemaRev: 11, indexHash: "B" }],
    [{ schemaRev: "11" }, { schemaRev: 11, indexHash: "B" }],
    [{ schemaRev: "sc-11" }, { schemaRev: 11, indexHash: "B" }],
    [{ schemaRev: 11n }, { schemaRev: 11, indexHash: "B" }],
    [
      { schemaRev: null, indexHash: null },
      { schemaRev: 12, indexHash: "B" },
    ],
    [{ schemaRev: undefined }, { schemaRev: 12, indexHash: "B" }],
    [
      { indexHash: "A", updatedAt: new Date(0), rows: [1] },
      { schemaRev: 12, indexHash: "A" },
    ],
    [{ indexHash: 7 }, { schemaRev: 12, indexHash: "7" }],
    [{ modelTag: "m@2" }, { schemaRev: 12, indexHash: "B", modelTag: "m@2" }],
    [{}, { schemaRev: 12, indexHash: "B" }],
  ])("%o is %o", async (said, live) => {
    expect(await reading(said, { prefix: "sc-" }).once.pins.live()).toEqual(live);
  });

  it("may come as a promise of any make", async () => {
    // biome-ignore lint/suspicious/noThenProperty: a promise of another make is what is tested.
    const thenable = { then: (go: (said: unknown) => void) => go({ schemaRev: 11 }) };
    expect(await reading(thenable).once.pins.live()).toEqual({ schemaRev: 11, indexHash: "B" });
    expect(await reading(Promise.resolve({ schemaRev: 11 })).once.pins.live()).toMatchObject({ schemaRev: 11 });
  });

  it.each([
    [{ schemaRev: "twelve" }, 'read gave "twelve" as schemaRev'],
    [{ schemaRev: 1.5 }, "read gave 1.5 as schemaRev"],
    [{ schemaRev: -1 }, "read gave -1 as schemaRev"],
    [{ schemaRev: "" }, 'read gave "" as schemaRev'],
    [{ schemaRev: true }, "read gave true as schemaRev"],
    [{ indexHash: "a b" }, 'read gave "a b" as indexHash'],
    [{ indexHash: "" }, 'read gave "" as indexHash'],
    [{ indexHash: ["A", "B"] }, "read gave a list as indexHash"],
    [{ modelTag: {} }, "read gave an object as modelTag"],
    [null, "read must give an object of pins, got null"],
    [undefined, "read must give an object of pins, got undefined"],
    ["12", 'read must give an object of pins, got "12"'],
  ])("%o cannot be read, and is told of", async (said, message) => {
    const service = reading(said);
    await expect(service.once.pins.live()).rejects.toThrow(new TypeError(message));
    expect(read(service)).toEqual([{ type: "read-failed", what: "pins", error: new TypeError(message) }]);
    expect((await service.ask("get", schemaRev("12"))).problem?.code).toBe("pins-unreadable");
  });

  it("counts before what the revision writes: a schema that was not migrated yet is not there", async () => {
    const service = reading({ schemaRev: 11 });
    expect((await service.ask("get", schemaRev("11"))).verdict).toBe("served");
    expect((await service.ask("get", schemaRev("12"))).problem).toEqual({
      code: "backend-behind",
      executed: false,
      asked: { schemaRev: 12 },
      live: { schemaRev: 11, indexHash: "B" },
      accepts: { schemaRev: [11, 12], indexHash: ["A", "B"] },
    });
  });

  it("is told of where this revision does not accept it, once for each value", async () => {
    let now = 13;
    const service = pinnedService({ pins: { ...WRITES, read: () => ({ schemaRev: now }) } });
    const broken = () => service.events.filter(({ type }) => type === "window-broken");
    await service.once.pins.refresh();
    await service.once.pins.refresh();
    const event = { type: "window-broken", writer: "backend", reader: "r2", pin: "schemaRev", accepts: [11, 12] };
    expect(broken()).toEqual([{ ...event, writes: 13 }]);
    now = 14;
    await service.once.pins.refresh();
    expect(broken()).toEqual([
      { ...event, writes: 13 },
      { ...event, writes: 14 },
    ]);
  });

  it("is what a handler is told, and what every answer says", async () => {
    const service = reading({ indexHash: "A" });
    const verdict = await service.send({ headers: { "index-hash": "A", "model-tag": "m" } });
    if (verdict.action !== "pass") throw new Error(verdict.action);
    expect(verdict.pinned?.pinned).toMatchObject({
      asked: { indexHash: "A" },
      live: { schemaRev: 12, indexHash: "A" },
      revision: "r2",
    });
    expect((await service.ask("get", { headers: { "index-hash": "C" } })).headers).toMatchObject({ "Index-Hash": "A" });
  });
});

/** A backend whose answers a test gives. */
function hanging(more: Options = {}) {
  const platform = fakePlatform();
  let calls = 0;
  let answer: () => Promise<Record<string, unknown>> = async () => ({ schemaRev: 11 });
  const pins = {
    ...WRITES,
    ...more,
    read: () => {
      calls += 1;
      return answer();
    },
  };
  return {
    ...pinnedService({ platform, pins }),
    calls: () => calls,
    say(next: () => Promise<Record<string, unknown>>) {
      answer = next;
    },
  };
}

const never = () => new Promise<Record<string, unknown>>(() => {});
const served = { verdict: "served" };

describe("a reader that hangs", () => {
  it("holds up everybody until the first reading, no longer than readTimeoutMs", async () => {
    const service = hanging({ readTimeoutMs: 500 });
    service.say(never);
    const asked = [service.ask("get"), service.ask("get", schemaRev("12"))];
    await service.platform.advance(499);
    expect(await isPending(Promise.race(asked))).toBe(true);
    await service.platform.advance(1);
    expect(await Promise.all(asked)).toMatchObject([served, { problem: { code: "pins-unreadable" } }]);
    expect(service.calls()).toBe(1);
  });

  it("holds up nobody while what was read counts", async () => {
    const service = hanging();
    await service.ask("get");
    service.say(never);
    await service.platform.advance(5999);
    expect(await isPending(service.ask("get", schemaRev("11")))).toBe(false);
    expect(await isPending(service.ask("get"))).toBe(false);
  });

  it("holds up nobody who asks for nothing, once it has failed; who asks for something waits", async () => {
    const service = hanging();
    await service.ask("get");
    service.say(never);
    await service.platform.advance(2000);
    await service.ask("get");
    await service.platform.advance(5000);
    expect(read(service)).toHaveLength(1);
    const pinned = service.ask("get", schemaRev("11"));
    expect(await isPending(service.ask("get"))).toBe(false);
    expect(await isPending(pinned)).toBe(true);
    await service.platform.advance(2000);
    expect((await pinned).problem?.code).toBe("pins-unreadable");
  });

  it("says nothing in the answers to those who asked for nothing, rather than something old", async () => {
    const service = hanging();
    await service.ask("get");
    service.say(async () => Promise.reject(new Error("away")));
    await service.platform.advance(6000);
    await service.ask("get");
    const { headers } = await service.ask("get");
    expect([headers.Revision, headers["Schema-Rev"]]).toEqual(["r2", undefined]);
  });
});

describe("refreshMs", () => {
  it("0 has each request judged by what was read for it", async () => {
    const service = hanging({ refreshMs: 0 });
    expect(await service.ask("get", schemaRev("11"))).toMatchObject(served);
    service.say(async () => ({ schemaRev: 12 }));
    expect(await service.ask("get", schemaRev("12"))).toMatchObject(served);
    expect(await service.ask("get")).toMatchObject({ headers: { "Schema-Rev": "12" } });
    expect(service.calls()).toBe(3);
  });

  it("has it read beside the requests, and the next one judged by that", async () => {
    const service = hanging({ refreshMs: 1000 });
    await service.ask("get");
    service.say(async () => ({ schemaRev: 12 }));
    await service.platform.advance(1000);
    expect((await service.ask("get", schemaRev("12"))).problem?.code).toBe("backend-behind");
    await settled();
    expect(await service.ask("get", schemaRev("12"))).toMatchObject(served);
    expect(service.calls()).toBe(2);
  });

  it("never reads without a request", async () => {
    const service = hanging();
    await service.ask("get");
    await service.platform.advance(3_600_000);
    expect([service.calls(), service.platform.pendingTimers()]).toEqual([1, 0]);
  });
});

describe("refresh()", () => {
  it("has the next request judged by what is there now", async () => {
    const service = hanging();
    await service.ask("get");
    service.say(async () => ({ schemaRev: 12 }));
    expect(await service.once.pins.refresh()).toEqual({ schemaRev: 12, indexHash: "B" });
    expect(await service.ask("get", schemaRev("12"))).toMatchObject(served);
    expect(service.calls()).toBe(2);
  });

  it("and live() reject with what the reader threw", async () => {
    const service = hanging();
    service.say(async () => Promise.reject(new Error("the table is gone")));
    await expect(service.once.pins.refresh()).rejects.toThrow("the table is gone");
    await expect(service.once.pins.live()).rejects.toThrow("the table is gone");
  });
});

describe("without a reader", () => {
  it("the backend has what the revision writes, for good, and nothing is waited for after the first time", async () => {
    const service = pinnedService({ pins: WRITES });
    expect(await service.once.pins.live()).toEqual({ schemaRev: 12, indexHash: "B" });
    await service.platform.advance(365 * 24 * 3_600_000);
    expect(await service.ask("get", schemaRev("11"))).toMatchObject(served);
    expect(service.platform.pendingTimers()).toBe(0);
  });
});
