import { describe, expect, it } from "vitest";
import { memoryRegistry } from "../../src/revisions/memory-registry.js";
import type { RevisionRegistry } from "../../src/revisions/registry.js";
import type { RevisionsOptions } from "../../src/revisions/revisions-options.js";
import { settled } from "../fake-platform.js";
import { pinnedService, sideBySide } from "../pins/service.js";
import { gate } from "../support.js";
import { BEAT_MS, type Stage, stage } from "./announcer-stage.js";
import { announce } from "./neighbour.js";

const codeOf = async ({ ask }: Stage) => {
  const { verdict, problem } = await ask("get");
  return problem?.code ?? verdict;
};

/** An operator's hand on the registry: an instance of another revision, which is not announced. */
function operator({ registry }: Stage) {
  return pinnedService({ revision: "r9", revisions: sideBySide(registry) }).once.pins;
}

/** Instances of `r2`, and how they come to be announced. */
const ANNOUNCED: readonly (readonly [string, Partial<RevisionsOptions>])[] = [
  ["a timer, with keys", {}],
  ["a timer, without keys", { keys: undefined }],
  ["its requests, with keys", { announceOnRequest: true }],
  ["its requests, without keys", { announceOnRequest: true, keys: undefined }],
];

describe("an instance whose revision is told to let itself be drained", () => {
  it.each(ANNOUNCED)("knows within a heartbeat where it is announced by %s", async (_, more) => {
    const found = stage(more);
    if (more.announceOnRequest !== true) await found.once.pins.announce();
    expect(await codeOf(found)).toBe("served");
    await operator(found).drain("r2");
    await found.platform.advance(BEAT_MS);
    await settled();
    expect(await codeOf(found)).toBe("draining");
    await operator(found).serve("r2");
    await found.platform.advance(BEAT_MS);
    await settled();
    expect(await codeOf(found)).toBe("served");
  });

  it.each(ANNOUNCED)("knows with its first request where it begins after that, announced by %s", async (_, more) => {
    const found = stage(more);
    await operator(found).drain("r2");
    if (more.announceOnRequest !== true) await found.once.pins.announce();
    expect(await codeOf(found)).toBe("draining");
  });

  it("knows at once where it was told so itself", async () => {
    const found = stage();
    await found.once.pins.drain("r2");
    expect(await codeOf(found)).toBe("draining");
    await found.once.pins.serve("r2");
    expect(await codeOf(found)).toBe("served");
  });

  it("goes on draining while the registry cannot be read, however long that is", async () => {
    const found = stage();
    await found.once.pins.announce();
    await found.once.pins.drain("r2");
    found.registry.down();
    await found.platform.advance(100 * BEAT_MS);
    expect(await codeOf(found)).toBe("draining");
  });

  it("goes on serving while the registry cannot be read, if that is what it knew last", async () => {
    const found = stage({ keys: undefined });
    await found.once.pins.announce();
    found.registry.down("list");
    await operator(found)
      .drain("r2")
      .catch(() => {});
    await found.platform.advance(100 * BEAT_MS);
    expect(await codeOf(found)).toBe("served");
    found.registry.heal();
    await found.platform.advance(BEAT_MS);
    await settled();
    expect(await codeOf(found)).toBe("draining");
  });

  it("is not told otherwise by a reading that was overtaken", async () => {
    const inner = memoryRegistry({ nowMs: () => 0 });
    const { opened, open } = gate();
    let isSlow = false;
    const list: RevisionRegistry["list"] = async (service) => {
      const listed = await inner.list(service);
      if (isSlow) await opened;
      return listed;
    };
    const found = stage({ registry: { ...inner, list } });
    isSlow = true;
    const late = found.once.pins.serve("r3");
    await settled();
    isSlow = false;
    found.platform.pause(1);
    await found.once.pins.drain("r2");
    open();
    await late;
    expect(await codeOf(found)).toBe("draining");
  });

  it("announces itself as before: what it is told to do is not what it says of itself", async () => {
    const found = stage();
    await found.once.pins.announce();
    await found.once.pins.drain("r2");
    await found.platform.advance(BEAT_MS);
    expect(found.said()).toMatchObject({ state: "serving" });
  });

  it("that only announces itself as draining refuses nothing", async () => {
    const found = stage();
    await (await found.once.pins.announce()).become("draining");
    expect(await codeOf(found)).toBe("served");
  });

  it("costs a request nothing: no reading but the one of each heartbeat", async () => {
    const found = stage({ keys: undefined });
    await found.once.pins.announce();
    await found.once.pins.drain("r2");
    const before = found.registry.calls.length;
    const pin = { headers: { "schema-rev": "12" } };
    await announce(found.registry, { revision: "r3", pins: { writes: { schemaRev: 12 } } });
    const after = found.registry.calls.length;
    for (let time = 0; time < 50; time += 1) await found.send(pin);
    expect(after).toBeGreaterThan(before);
    expect(found.registry.calls.length - after).toBeLessThanOrEqual(1);
  });

  it("gives out no revision pin, and renews none: when those have expired nobody is pinned to it", async () => {
    const found = stage();
    await found.once.pins.announce();
    const pin = await found.once.pins.sign("pin", "r2", 60_000);
    const ask = () => found.ask("stream", { headers: { "revision-pin": pin } });
    expect((await ask()).headers["Revision-Pin"]).toBe("<pin of r2>");
    await found.once.pins.drain("r2");
    const { verdict, headers } = await ask();
    expect([verdict, headers["Revision-Pin"], headers["Set-Cookie"]]).toEqual(["served", undefined, undefined]);
    found.platform.pause(60_000);
    expect((await ask()).verdict).toBe("reconnect");
  });
});

describe("drain() and serve()", () => {
  it("are known to the others: what another revision has, too, is not sent there", async () => {
    const found = stage();
    for (const revision of ["r1", "r0"]) {
      await announce(found.registry, { revision, pins: { writes: { schemaRev: 11 } } });
      found.platform.pause(1000);
    }
    const to = async () => (await found.ask("get", { headers: { "schema-rev": "10" } }, {})).verdict;
    expect(await to()).toBe(412);
    const eleven = async () => {
      const verdict = await found.send({ headers: { "schema-rev": "11" } });
      return verdict.action === "forward" ? verdict.target.revision : verdict.action;
    };
    // This instance accepts 11 itself, until it leaves.
    expect(await eleven()).toBe("pass");
    await found.once.pins.drain("r2");
    expect(await eleven()).toBe("r0");
    await found.once.pins.drain("r0");
    expect(await eleven()).toBe("r1");
    await found.once.pins.serve("r0");
    expect(await eleven()).toBe("r0");
  });

  it("write one text, kept for 30 days, and take it back", async () => {
    const found = stage();
    await found.once.pins.drain("r1");
    const [, ...write] = found.registry.calls.find(({ verb }) => verb === "write")?.args ?? [];
    expect(write).toEqual(["d.r1", "draining", 30 * 24 * 3_600_000]);
    await found.once.pins.serve("r1");
    expect(found.registry.calls.find(({ verb }) => verb === "remove")?.args[1]).toBe("d.r1");
  });

  it("refuse what is no revision, and tell of a registry that is away", async () => {
    const found = stage();
    const { pins } = found.once;
    await expect(pins.drain("r 2")).rejects.toThrow('revision must be 1 to 60 of [0-9A-Za-z._-], got "r 2"');
    await expect(pins.serve("")).rejects.toThrow(TypeError);
    found.registry.down();
    await expect(pins.drain("r2")).rejects.toMatchObject({ code: "store-unavailable" });
    await expect(pins.serve("r2")).rejects.toMatchObject({ code: "store-unavailable" });
  });

  it("are misuse without revisions", async () => {
    const { pins } = pinnedService().once;
    await expect(pins.drain("r2")).rejects.toMatchObject({ code: "misuse" });
    await expect(pins.serve("r2")).rejects.toMatchObject({ code: "misuse" });
  });
});
