import { describe, expect, it } from "vitest";
import { type Asked, pinnedService, sideBySide } from "../pins/service.js";
import { byHeader, override, sign, stage } from "./steering-stage.js";

describe("X-Release and X-Canary", () => {
  const release = (name: string): Asked => ({ headers: { "x-release": name } });
  const CANARY: Asked = { headers: { "x-canary": "true" } };

  it("steer nobody where nothing is said of them", async () => {
    const found = await stage();
    expect([await found.to(release("rel-3")), await found.to(CANARY)]).toEqual(["served", "served"]);
  });

  it.each([
    [release("rel-3"), "to r3"],
    [release(" rel-1 "), "to r1"],
    [release("r1"), "to r1"],
    [release("canary"), "to r3"],
    [release("r2"), "served"],
    [release("rel-2"), "served"],
    [CANARY, "to r3"],
    [{ headers: { "x-canary": " TRUE" } }, "to r3"],
    [{ headers: { "x-canary": "1" } }, "served"],
    [{ headers: { "x-canary": "false" } }, "served"],
    [{ headers: { "x-canary": "true", "x-release": "r1" } }, "to r1"],
    [release("rel-99"), "revision-gone"],
  ])("open: %j goes %s", async (asked, to) => {
    expect(await (await stage({ override: "open" })).to(asked)).toBe(to);
  });

  it.each(["rel-5", "r5", "canary"])(
    "open: %s means this instance, whether anybody knows of it yet or not",
    async (name) => {
      const { registry, platform } = await stage();
      const revisions = sideBySide(registry, { override: "open", release: "rel-5", canary: true });
      const unannounced = pinnedService({ revision: "r5", platform, revisions });
      expect((await unannounced.ask("get", release(name))).verdict).toBe("served");
    },
  );

  it("open: count before every pin", async () => {
    const headers = { "x-release": "r3", "revision-pin": await sign() };
    expect(await (await stage({ override: "open" })).to({ headers })).toBe("to r3");
  });

  it("open: nothing is known where the registry cannot be read, but of this revision", async () => {
    const found = await stage({ override: "open" });
    found.registry.down();
    expect([await found.to(CANARY), await found.to(release("r2"))]).toEqual(["revision-unknown", "served"]);
  });

  it("signed: steer whoever has a token for it, before every pin", async () => {
    const found = await stage({ override: "signed" });
    expect(await found.to(release(await override("r3")))).toBe("to r3");
    const headers = { "x-release": await override("r3"), "revision-pin": await sign() };
    expect(await found.to({ headers })).toBe("to r3");
    expect(await found.to(release(await found.once.pins.sign("override", "r1", 60_000)))).toBe("to r1");
  });

  it("signed: whoever has none is steered by the pins it has", async () => {
    const found = await stage({ override: "signed" });
    expect(await found.to(release("rel-3"))).toBe("served");
    expect(await found.to(CANARY)).toBe("served");
    expect(await found.to(release(await sign({ revision: "r3" })))).toBe("served");
    expect(await found.to({ headers: { "x-release": "rel-3", "revision-pin": await sign() } })).toBe("to r1");
    expect(found.dropped()).toEqual(Array.from({ length: 4 }, () => ["malformed", "override"]));
  });

  it("signed: a revoked token is dropped", async () => {
    const found = await stage({ override: "signed" });
    await found.once.pins.revoke("r3");
    expect(await found.to(release(await override("r3")))).toBe("served");
    expect(found.dropped()).toEqual([["revoked", "override"]]);
  });

  it.each([
    ["admits", () => true, "to r3"],
    ["admits in a while", async () => true, "to r3"],
    ["admits nobody", () => false, "served"],
    ["says yes by another word", () => "yes" as unknown as boolean, "served"],
    [
      "throws",
      () => {
        throw new Error("no");
      },
      "served",
    ],
    ["rejects", () => Promise.reject(new Error("no")), "served"],
  ])("by a function that %s", async (_, rule, to) => {
    expect(await (await stage({ override: rule })).to(CANARY)).toBe(to);
  });

  it("by a function that is asked of those alone who ask for a release", async () => {
    let asked = 0;
    const found = await stage({ override: () => ++asked > 0 });
    await found.to(byHeader(await sign()));
    await found.to({});
    expect(asked).toBe(0);
  });
});

describe("deployment ids", () => {
  it.each([
    [{ headers: { "x-deployment-id": "r1" } }, "to r1"],
    [{ target: "/search?a&dpl=r1" }, "to r1"],
    [{ headers: { cookie: "a=b; __vdpl=r1" } }, "to r1"],
    [{ headers: { "x-deployment-id": "r1", cookie: "__vdpl=r3" }, target: "/?dpl=r0" }, "to r1"],
    [{ headers: { cookie: "__vdpl=r3" }, target: "/?dpl=r0" }, "to r0"],
    [{ headers: { "x-deployment-id": "r2" } }, "served"],
    [{ headers: { "x-deployment-id": "r99" } }, "served"],
    [{ headers: { "x-deployment-id": ["r1", "r3"] } }, "served"],
    [{ target: "/?dpl=r1&dpl=r3" }, "served"],
    [{ headers: { "x-deployment-id": "__proto__" } }, "served"],
  ] as const)("%j goes %s", async (asked, to) => {
    expect(await (await stage({ deploymentId: true })).to(asked)).toBe(to);
  });

  it("count for nothing where nothing is said of them", async () => {
    expect(await (await stage()).to({ headers: { "x-deployment-id": "r1" } })).toBe("served");
  });

  it("of a revision that was ever rolled back hold no more: nobody has signed when they were given", async () => {
    const found = await stage({ deploymentId: true });
    await found.once.pins.revoke("r1");
    expect(await found.to({ headers: { "x-deployment-id": "r1" } })).toBe("served");
    expect(found.dropped()).toEqual([["revoked", "deployment-id"]]);
  });

  it("lead nobody anywhere while the registry cannot be read", async () => {
    const found = await stage({ deploymentId: true });
    found.registry.down();
    expect(await found.to({ headers: { "x-deployment-id": "r1" } })).toBe("revision-unknown");
    expect(await found.to({ headers: { "x-deployment-id": "r2" } })).toBe("served");
  });
});

describe("a request that carries nothing", () => {
  it("asks nothing of the registry, whatever is allowed to steer", async () => {
    const found = await stage({ deploymentId: true, override: "open", keys: undefined });
    const before = found.registry.calls.length;
    await found.to({});
    expect(found.registry.calls).toHaveLength(before);
  });
});
