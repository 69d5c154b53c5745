import { describe, expect, it } from "vitest";
import { createReading, type Read, type Reading, type ReadingTimes } from "../../src/pins/reading.js";
import { type FakePlatform, fakePlatform, settled } from "../fake-platform.js";
import { isPending } from "../support.js";

interface Call {
  readonly say: (value: string) => void;
  readonly fail: (error: Error) => void;
}

interface Stage {
  readonly platform: FakePlatform;
  readonly reading: Reading<string>;
  /** The calls of the reader, each waiting to be told what it found. */
  readonly calls: readonly Call[];
  readonly told: readonly Read<string>[];
  call(number: number): Call;
}

const TIMES: ReadingTimes = { refreshMs: 2000, maxAgeMs: 6000, timeoutMs: 2000 };

function stage(times: Partial<ReadingTimes> = {}): Stage {
  const platform = fakePlatform();
  const calls: Call[] = [];
  const told: Read<string>[] = [];
  const read = () => new Promise<string>((say, fail) => void calls.push({ say, fail }));
  const reading = createReading(platform, read, { ...TIMES, ...times }, (found) => void told.push(found));
  const call = (number: number) => calls[number] ?? never(number);
  return { platform, reading, calls, told, call };
}

function never(number: number): never {
  throw new Error(`the reader was not called ${number + 1} times`);
}

/** A stage on which "one" was read at 0 ms. */
async function stageWithOne(times: Partial<ReadingTimes> = {}): Promise<Stage> {
  const made = stage(times);
  const first = made.reading.get();
  made.call(0).say("one");
  await first;
  return made;
}

const read = (value: string): Read<string> => ({ outcome: "read", value });
const unreadable = (message: string): Read<string> => ({ outcome: "unreadable", error: new Error(message) });

describe("a reading", () => {
  it("is not begun before somebody asks", () => {
    const { calls, reading, platform } = stage();
    expect([calls.length, reading.latest, platform.pendingTimers()]).toEqual([0, undefined, 0]);
  });

  it("is one for all who ask while it goes on", async () => {
    const { reading, call, calls } = stage();
    const asked = [reading.get(), reading.get(), reading.get()];
    await settled();
    call(0).say("one");
    expect(await Promise.all(asked)).toEqual([read("one"), read("one"), read("one")]);
    expect(calls).toHaveLength(1);
  });

  it("is given at once, and with no promise, as long as it is fresh", async () => {
    const { reading, platform, calls } = await stageWithOne();
    await platform.advance(1999);
    expect(reading.get()).toEqual(read("one"));
    expect(calls).toHaveLength(1);
  });

  it("is made anew beside the requests from refreshMs on, once, and given at once until then", async () => {
    const { reading, platform, calls, call } = await stageWithOne();
    await platform.advance(2000);
    expect([reading.get(), reading.get()]).toEqual([read("one"), read("one")]);
    expect(calls).toHaveLength(2);
    call(1).say("two");
    await settled();
    expect(reading.get()).toEqual(read("two"));
    expect(calls).toHaveLength(2);
  });

  it("is waited for once it is older than maxAgeMs", async () => {
    const { reading, platform, call } = await stageWithOne();
    await platform.advance(6000);
    const late = Promise.resolve(reading.get());
    expect(await isPending(late)).toBe(true);
    call(1).say("two");
    expect(await late).toEqual(read("two"));
  });

  it("with refreshMs 0 is made for each who asks, and none is given what was read before it asked", async () => {
    const { reading, calls, call } = await stageWithOne({ refreshMs: 0, maxAgeMs: 0 });
    const asked = [reading.get(), reading.get()];
    expect(calls).toHaveLength(3);
    call(2).say("three");
    call(1).say("two");
    expect(await Promise.all(asked)).toEqual([read("two"), read("three")]);
  });

  it("counts as failed after timeoutMs, and says so in its error", async () => {
    const { reading, platform, told } = stage();
    const asked = Promise.resolve(reading.get());
    await platform.advance(1999);
    expect(await isPending(asked)).toBe(true);
    await platform.advance(1);
    expect(await asked).toEqual(unreadable("nothing was read within 2000 ms"));
    expect(told).toEqual([unreadable("nothing was read within 2000 ms")]);
  });

  it("leaves no timer behind", async () => {
    const { platform } = await stageWithOne();
    expect(platform.pendingTimers()).toBe(0);
  });

  it("that throws at once is one that fails", async () => {
    const reading = createReading(
      fakePlatform(),
      () => fail("no"),
      TIMES,
      () => {},
    );
    expect(await reading.get()).toEqual(unreadable("no"));
  });

  it("that failed is asked for again after a second, and everybody in between is told of it at once", async () => {
    const { reading, platform, calls, call } = stage();
    const first = reading.get();
    call(0).fail(new Error("no"));
    expect(await first).toEqual(unreadable("no"));
    await platform.advance(999);
    expect(await reading.get()).toEqual(unreadable("no"));
    expect(calls).toHaveLength(1);
    await platform.advance(1);
    const next = reading.get();
    call(1).say("one");
    expect(await next).toEqual(read("one"));
  });

  it("that failed beside the requests takes nothing from what was read, until that is too old", async () => {
    const { reading, platform, calls, call } = await stageWithOne();
    await platform.advance(2000);
    void reading.get();
    call(1).fail(new Error("no"));
    await settled();
    expect(reading.get()).toEqual(read("one"));
    expect(calls).toHaveLength(2);
    await platform.advance(1000);
    expect(reading.get()).toEqual(read("one"));
    call(2).fail(new Error("no again"));
    await platform.advance(3000);
    const late = reading.get();
    call(3).fail(new Error("no for good"));
    expect(await late).toEqual(unreadable("no for good"));
  });

  it("that never settles, not even by its timer, blocks nobody for longer than timeoutMs", async () => {
    const platform = fakePlatform();
    // Where a request dies, its timers die with it.
    let isDead = true;
    const timer: FakePlatform["timer"] = (ms, then) => (isDead ? () => {} : platform.timer(ms, then));
    let value = 0;
    const once = () => (isDead ? new Promise<string>(() => {}) : String(++value));
    const reading = createReading({ ...platform, timer }, once, TIMES, () => {});
    void reading.get();
    isDead = false;
    const asked = Promise.resolve(reading.get());
    await platform.advance(1999);
    expect(await isPending(asked)).toBe(true);
    await platform.advance(1);
    expect(await asked).toEqual(read("1"));
  });

  it("that began earlier and ends later than another one overwrites nothing", async () => {
    const { reading, platform, call } = stage();
    const slow = reading.refresh();
    await platform.advance(1);
    const quick = reading.refresh();
    call(1).say("newer");
    await quick;
    call(0).say("older");
    expect(await slow).toEqual(read("older"));
    expect([reading.get(), reading.latest]).toEqual([read("newer"), read("newer")]);
  });

  it("that began earlier and fails later than another one was read is nobody's news", async () => {
    const { reading, platform, call } = stage();
    const slow = reading.refresh();
    await platform.advance(1);
    const quick = reading.refresh();
    call(1).say("newer");
    await quick;
    call(0).fail(new Error("no"));
    await slow;
    expect([reading.get(), reading.latest]).toEqual([read("newer"), read("newer")]);
  });

  it("is as old as its beginning, not as its end", async () => {
    const { reading, platform, calls, call } = stage();
    const slow = reading.get();
    await platform.advance(1500);
    call(0).say("one");
    await slow;
    await platform.advance(500);
    void reading.get();
    expect(calls).toHaveLength(2);
  });

  it("latest is what was read as long as that counts, whatever failed since", async () => {
    const { reading, platform, call } = await stageWithOne();
    await platform.advance(2000);
    void reading.get();
    call(1).fail(new Error("no"));
    await settled();
    expect(reading.latest).toEqual(read("one"));
    await platform.advance(4000);
    expect(reading.latest).toEqual(unreadable("no"));
  });

  it("is made anew for one who needs it fresher than it is, and waited for by that one alone", async () => {
    const { reading, platform, calls, call } = await stageWithOne();
    await platform.advance(499);
    expect(reading.get(500)).toEqual(read("one"));
    await platform.advance(1);
    const asked = Promise.resolve(reading.get(500));
    expect(reading.get()).toEqual(read("one"));
    expect(await isPending(asked)).toBe(true);
    call(1).say("two");
    expect(await asked).toEqual(read("two"));
    expect(calls).toHaveLength(2);
  });

  it("that fails for one who needs it fresher is no reading for that one, though it counts for others", async () => {
    const { reading, platform, call } = await stageWithOne();
    await platform.advance(500);
    const asked = reading.get(500);
    call(1).fail(new Error("no"));
    expect(await asked).toEqual(unreadable("no"));
    expect(reading.get()).toEqual(read("one"));
  });

  it("refresh() reads anew however fresh the last is, and wakes those who wait for another one", async () => {
    const { reading, platform, calls, call } = await stageWithOne();
    await platform.advance(6000);
    void reading.get();
    const waits = Promise.resolve(reading.get());
    const refreshed = reading.refresh();
    expect(calls).toHaveLength(3);
    call(2).say("three");
    expect([await refreshed, await waits]).toEqual([read("three"), read("three")]);
  });
});

function fail(message: string): never {
  throw new Error(message);
}
