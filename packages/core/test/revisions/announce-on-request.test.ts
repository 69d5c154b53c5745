import { describe, expect, it } from "vitest";
import { gate, isPending } from "../support.js";
import { BEAT_MS, beatsOf, stage } from "./announcer-stage.js";

describe("announceOnRequest", () => {
  it("announces with the first request, then with the first one after a heartbeat, and needs no timer", async () => {
    const found = stage({ announceOnRequest: true, keys: undefined });
    expect(found.registry.calls).toHaveLength(0);
    await found.ask("get");
    await found.ask("get");
    expect(beatsOf(found)).toBe(1);
    expect(found.platform.pendingTimers()).toBe(0);
    found.platform.pause(BEAT_MS);
    await found.ask("get");
    expect(beatsOf(found)).toBe(2);
    expect(await found.instances()).toMatchObject([{ revision: "r2", state: "serving" }]);
  });

  it("serves where the registry fails, and tries no more than once a heartbeat", async () => {
    const found = stage({ announceOnRequest: true, keys: undefined });
    found.registry.down();
    expect((await found.ask("get")).verdict).toBe("served");
    expect((await found.ask("get")).verdict).toBe("served");
    expect(found.events.filter(({ type }) => type === "announce-failed")).toHaveLength(1);
  });

  it("holds up one request for a registry that hangs, and no other one", async () => {
    const found = stage({ announceOnRequest: true, keys: undefined });
    const { opened, open } = gate();
    found.registry.hold("write", opened);
    const first = found.ask("get");
    expect((await found.ask("get")).verdict).toBe("served");
    expect(await isPending(first)).toBe(true);
    open();
    expect((await first).verdict).toBe("served");
  });
});
