import { describe, expect, it } from "vitest";
import { fakePlatform, settled } from "../fake-platform.js";
import { pinnedService, sideBySide } from "../pins/service.js";
import { gate, isPending } from "../support.js";
import { BEAT_MS, beatsOf, besideR1, stage, verdictOf } from "./announcer-stage.js";
import { announce } from "./neighbour.js";
import { scriptedRegistry } from "./scripted-registry.js";

describe("announce()", () => {
  it("says once what the revision is, and what this instance is", async () => {
    const found = stage({ release: "rel-7", publicAddress: "https://r2.search.example", canary: true });
    await found.once.pins.announce();
    const written = found.registry.calls.filter(({ verb }) => verb === "write").map(({ args }) => args.slice(1));
    expect(written.map(([id, text, keepMs]) => [id, JSON.parse(String(text)), keepMs])).toEqual([
      ["r.r2", { writes: { schemaRev: 12 }, accepts: { schemaRev: [11, 12] }, release: "rel-7" }, 604_800_000],
      [
        "i.own",
        {
          revision: "r2",
          state: "serving",
          address: "http://own.search.internal:8080",
          publicAddress: "https://r2.search.example",
          canary: true,
          silentAfterMs: 15_000,
          live: { schemaRev: 12 },
        },
        86_400_000,
      ],
    ]);
  });

  it("names the service by a digest, the same in every instance, and no text of the application's", async () => {
    const [one, two] = [stage(), stage()];
    await one.once.pins.announce();
    await two.once.pins.announce();
    const [digest, other] = [one, two].map(({ registry }) => registry.calls[0]?.args[0]);
    expect(digest).toMatch(/^[0-9A-Za-z_-]{43}$/);
    expect(digest).toBe(other);
  });

  it("goes on by itself, every heartbeat, and says of the revision again each hour", async () => {
    const found = stage();
    await found.once.pins.announce();
    await found.platform.advance(BEAT_MS - 1);
    expect(beatsOf(found)).toBe(1);
    await found.platform.advance(1);
    expect(beatsOf(found)).toBe(2);
    await found.platform.advance(3_600_000);
    expect(beatsOf(found)).toBe(722);
    expect(found.registry.calls.filter(({ args }) => args[1] === "r.r2")).toHaveLength(2);
  });

  it("says what the backend had when that was last read", async () => {
    const platform = fakePlatform();
    const registry = scriptedRegistry(platform.monotonicMs);
    let schemaRev = 11;
    const pins = { writes: { schemaRev: 12 }, accepts: { schemaRev: [11] }, read: () => ({ schemaRev }) };
    const { once } = pinnedService({ platform, pins, revisions: sideBySide(registry, { instance: "own" }) });
    await once.pins.announce();
    const said = () =>
      JSON.parse(String(registry.calls.filter(({ args }) => args[1] === "i.own").at(-1)?.args[2])).live;
    expect(said()).toEqual({ schemaRev: 11 });
    schemaRev = 12;
    // One heartbeat has it read, the next one says it.
    await platform.advance(2 * BEAT_MS);
    expect(said()).toEqual({ schemaRev: 12 });
  });

  it("says what was read before where it cannot be read for a moment", async () => {
    const platform = fakePlatform();
    const registry = scriptedRegistry(platform.monotonicMs);
    let isDown = false;
    const read = () => {
      if (isDown) throw new Error("the backend is away");
      return { schemaRev: 11 };
    };
    const pins = { writes: { schemaRev: 12 }, accepts: { schemaRev: [11] }, read };
    const { once } = pinnedService({ platform, pins, revisions: sideBySide(registry, { instance: "own" }) });
    await once.pins.announce();
    isDown = true;
    await platform.advance(BEAT_MS);
    await once.pins.refresh().catch(() => {});
    const said = () =>
      JSON.parse(String(registry.calls.filter(({ args }) => args[1] === "i.own").at(-1)?.args[2])).live;
    expect(said()).toEqual({ schemaRev: 11 });
    await platform.advance(4 * BEAT_MS);
    expect(said()).toEqual({ schemaRev: 11 });
  });

  it("rejects where the registry cannot be reached, and leaves no timer", async () => {
    const found = stage();
    found.registry.down();
    await expect(found.once.pins.announce()).rejects.toMatchObject({ code: "store-unavailable" });
    expect(found.platform.pendingTimers()).toBe(0);
    found.registry.heal();
    expect((await found.once.pins.announce()).mismatches).toEqual([]);
  });

  it("goes on where a later heartbeat fails, says so, and is heard again", async () => {
    const { own, r1, registry, platform } = besideR1();
    await r1.once.pins.announce();
    expect(await verdictOf(own)).toBe("to r1");
    registry.down("write");
    await platform.advance(4 * BEAT_MS);
    expect(r1.events.filter(({ type }) => type === "announce-failed")).toHaveLength(4);
    expect(await verdictOf(own)).toBe("revision-unknown");
    registry.heal();
    await platform.advance(2 * BEAT_MS);
    await verdictOf(own);
    await settled();
    expect(await verdictOf(own)).toBe("to r1");
  });

  it.each([
    ["both ways", {}],
    ["one way", { schemaRev: [12] }],
  ])("finds that the window of compatibility is broken %s, and says so", async (_, accepts) => {
    const platform = fakePlatform();
    const registry = scriptedRegistry(platform.monotonicMs);
    await announce(registry, { revision: "r1", pins: { writes: { schemaRev: 10 }, accepts } });
    const pins = { writes: { schemaRev: 12 }, accepts: { schemaRev: [11] } };
    const service = pinnedService({ platform, pins, revisions: sideBySide(registry) });
    const { mismatches } = await service.once.pins.announce();
    const ofOurs = { writer: "r2", reader: "r1", pin: "schemaRev", writes: 12, accepts: [10] };
    const ofTheirs = { writer: "r1", reader: "r2", pin: "schemaRev", writes: 10, accepts: [11, 12] };
    expect(mismatches).toEqual("schemaRev" in accepts ? [ofTheirs] : [ofOurs, ofTheirs]);
    const told = service.events.filter(({ type }) => type === "window-broken");
    expect(told).toEqual(mismatches.map((each) => ({ type: "window-broken", ...each })));
  });
});

describe("an instance that is announced", () => {
  it("counts as silent after three heartbeats without a word, and not before", async () => {
    const { own, r1, registry, platform } = besideR1();
    await r1.once.pins.announce();
    registry.down("write");
    await platform.advance(3 * BEAT_MS);
    await own.once.pins.refresh();
    expect(await verdictOf(own)).toBe("to r1");
    await platform.advance(BEAT_MS / 2);
    await verdictOf(own);
    await settled();
    expect(await verdictOf(own)).toBe("revision-unknown");
  });

  it("that drains is still sent to, before one that is gone, and one that is gone is not waited for", async () => {
    const { own, r1, registry, platform } = besideR1();
    const announcing = await r1.once.pins.announce();
    await announcing.become("draining");
    expect(await verdictOf(own)).toBe("to r1");
    await announcing.stop();
    await platform.advance(BEAT_MS);
    await verdictOf(own);
    await settled();
    expect(await verdictOf(own)).toBe("client-behind");
    expect(registry.calls.at(-1)?.verb).toBe("list");
  });

  it("says what becomes of it at once, and again with each heartbeat", async () => {
    const found = stage();
    const { become } = await found.once.pins.announce();
    await become("draining");
    expect(found.said()).toMatchObject({ state: "draining" });
    await found.platform.advance(BEAT_MS);
    expect(beatsOf(found)).toBe(3);
    expect(found.said()).toMatchObject({ state: "draining" });
  });

  it("rejects where the registry does not take what becomes of it, and says it with the next heartbeat", async () => {
    const found = stage();
    const { become } = await found.once.pins.announce();
    found.registry.down();
    await expect(become("draining")).rejects.toMatchObject({ code: "store-unavailable" });
    found.registry.heal();
    await found.platform.advance(BEAT_MS);
    expect(found.said()).toMatchObject({ state: "draining" });
  });

  it("that is stopped says that it is closed, and nothing more", async () => {
    const found = stage();
    const { stop } = await found.once.pins.announce();
    await stop();
    expect(await found.instances()).toMatchObject([{ state: "closed" }]);
    const calls = found.registry.calls.length;
    await found.platform.advance(10 * BEAT_MS);
    expect(found.registry.calls).toHaveLength(calls);
    expect(found.platform.pendingTimers()).toBe(0);
  });

  it("that is stopped while a heartbeat is on its way stays closed, though that arrives late", async () => {
    const found = stage();
    const { stop } = await found.once.pins.announce();
    const { opened, open } = gate();
    found.registry.hold("write", opened);
    await found.platform.advance(BEAT_MS);
    found.registry.heal();
    const stopped = stop();
    expect(await isPending(stopped)).toBe(true);
    open();
    await stopped;
    await settled();
    expect(await found.instances()).toMatchObject([{ state: "closed" }]);
    await found.platform.advance(10 * BEAT_MS);
    expect(found.platform.pendingTimers()).toBe(0);
  });

  it("that begins to drain while a heartbeat is on its way is not announced as serving by it", async () => {
    const found = stage();
    const { become } = await found.once.pins.announce();
    const { opened, open } = gate();
    found.registry.hold("write", opened);
    await found.platform.advance(BEAT_MS);
    found.registry.heal();
    const drains = become("draining");
    await settled();
    open();
    await drains;
    await settled();
    expect(await found.instances()).toMatchObject([{ state: "draining" }]);
  });
});
