import { describe, expect, it } from "vitest";
import { pinnedService } from "../pins/service.js";
import { BEAT_MS, besideR1, stage, verdictOf } from "./announcer-stage.js";

describe("dismiss()", () => {
  it("says of a revision that fell silent that it is gone, and of one that is live nothing", async () => {
    const { own, r1, registry, platform } = besideR1();
    await r1.once.pins.announce();
    await own.once.pins.dismiss("r1");
    expect(await verdictOf(own)).toBe("to r1");
    registry.down("write");
    await platform.advance(4 * BEAT_MS);
    expect(await verdictOf(own)).toBe("revision-unknown");
    registry.heal();
    await own.once.pins.dismiss("r1");
    expect(await verdictOf(own)).toBe("client-behind");
  });

  it("of a revision that nobody knows does nothing", async () => {
    const found = stage();
    await found.once.pins.announce();
    await found.once.pins.dismiss("r99");
    expect(await found.instances()).toHaveLength(1);
  });
});

describe("what an operator says", () => {
  it.each(["revoke", "setFloor", "dismiss"] as const)("%s() refuses what can be no revision", async (verb) => {
    const message = "revision must be 1 to 60 of [0-9A-Za-z._-], got ";
    for (const wrong of ["", "a b", "r1/r2", "r".repeat(61)]) {
      await expect(stage().once.pins[verb](wrong)).rejects.toThrow(new TypeError(message + JSON.stringify(wrong)));
    }
  });

  it.each(["revoke", "setFloor", "dismiss"] as const)("%s() rejects where the registry is away", async (verb) => {
    const found = stage();
    found.registry.down();
    await expect(found.once.pins[verb]("r1")).rejects.toMatchObject({ code: "store-unavailable" });
  });

  it.each(["announce", "revoke", "setFloor", "dismiss", "sign"] as const)("%s() needs revisions", async (verb) => {
    const { pins } = pinnedService().once;
    const asked =
      verb === "announce" ? pins.announce() : verb === "sign" ? pins.sign("pin", "r1", 1) : pins[verb]("r1");
    await expect(asked).rejects.toMatchObject({ code: "misuse", message: "pins() was given no revisions" });
  });

  it.each([0, -1, 1.5, Number.NaN, "1h"])("sign() refuses %j for a lifetime", async (lifetimeMs) => {
    const asked = stage().once.pins.sign("pin", "r1", lifetimeMs as number);
    const shown = typeof lifetimeMs === "string" ? '"1h"' : String(lifetimeMs);
    const message = `lifetimeMs must be a positive whole number of milliseconds, got ${shown}`;
    await expect(asked).rejects.toThrow(new TypeError(message));
  });

  it("sign() needs keys", async () => {
    const asked = stage({ keys: undefined }).once.pins.sign("pin", "r1", 1);
    await expect(asked).rejects.toMatchObject({ code: "misuse", message: "revisions() was given no keys" });
  });
});
