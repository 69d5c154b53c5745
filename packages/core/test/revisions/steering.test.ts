import { describe, expect, it } from "vitest";
import type { PinDropped } from "../../src/event.js";
import { settled } from "../fake-platform.js";
import { type Asked, KEYS, pinnedService, sideBySide } from "../pins/service.js";
import { announce } from "./neighbour.js";
import { byCookie, byHeader, byQuery, NOW_MS, sign, stage } from "./steering-stage.js";

const DROPPED: readonly (readonly [why: PinDropped, make: () => Promise<string>])[] = [
  ["malformed", async () => "r1"],
  ["malformed", async () => "x".repeat(8192)],
  ["malformed", () => sign({ kind: "override" })],
  ["unknown-key", async () => (await sign()).replace("rp1.a.", "rp1.b.")],
  ["forged", async () => (await sign()).replace(/.(?=.{3}$)/, (last) => (last === "A" ? "B" : "A"))],
  ["expired", () => sign({ expiresAtMs: NOW_MS })],
];

describe("a revision pin", () => {
  it.each(DROPPED)("that is %s is dropped, told of, and taken for none", async (why, make) => {
    const found = await stage();
    expect(await found.to(byHeader(await make()))).toBe("served");
    expect(await found.to(byQuery(await make()))).toBe("served");
    expect(await found.to(byCookie(await make()))).toBe("served");
    expect(found.dropped()).toEqual([
      [why, "header"],
      [why, "query"],
      [why, "cookie"],
    ]);
  });

  it("that does not hold has its cookie cleared, and only where it came by cookie", async () => {
    const found = await stage();
    const cleared = "__Host-revision-pin=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";
    const cookieOf = async (asked: Asked) => (await found.ask("get", asked)).headers["Set-Cookie"];
    expect(await cookieOf(byCookie("junk"))).toBe(cleared);
    expect(await cookieOf(byHeader("junk"))).toBe(undefined);
    expect(await cookieOf(byQuery("junk"))).toBe(undefined);
    const held = { "revision-pin": await sign({ revision: "r2" }), cookie: "__Host-revision-pin=junk" };
    expect(await cookieOf({ headers: held })).toBe(undefined);
  });

  it.each([
    ["by header", (a: string, b: string): Asked => ({ headers: { "revision-pin": [a, b] } })],
    ["by header, joined", (a: string, b: string): Asked => ({ headers: { "revision-pin": `${a}, ${b}` } })],
    ["by query", (a: string, b: string): Asked => ({ target: `/?revision-pin=${a}&revision-pin=${b}` })],
    ["by cookie", (a: string, b: string) => byCookie(`${a}; __Host-revision-pin=${b}`)],
    ["by cookie, the same twice", (a: string) => byCookie(`${a}; __Host-revision-pin=${a}`)],
  ])("that comes twice %s counts for none", async (_, twice) => {
    const found = await stage();
    expect(await found.to(twice(await sign(), await sign({ revision: "r3" })))).toBe("served");
    expect(found.dropped().map((each) => String(each).split(",")[0])).toEqual(["duplicated"]);
  });

  it("counts by header before query, by query before cookie, and the next one where one does not hold", async () => {
    const found = await stage({ deploymentId: true });
    const [r1, r2, r3] = [await sign(), await sign({ revision: "r2" }), await sign({ revision: "r3" })];
    const all = (header: string, query: string, cookie: string): Asked => ({
      headers: { "revision-pin": header, cookie: `__Host-revision-pin=${cookie}`, "x-deployment-id": "r0" },
      target: `/search?revision-pin=${query}`,
    });
    expect(await found.to(all(r1, r2, r3))).toBe("to r1");
    expect(await found.to(all("junk", r1, r3))).toBe("to r1");
    expect(await found.to(all("junk", "junk", r1))).toBe("to r1");
    expect(await found.to(all("junk", "junk", "junk"))).toBe("to r0");
    expect(await found.to({ headers: { "x-deployment-id": "r1", "revision-pin": r2 } })).toBe("served");
  });

  it("leads there before the pins are looked at, which are that revision's to judge", async () => {
    const found = await stage();
    const headers = { "revision-pin": await sign(), "schema-rev": "99" };
    expect(await found.to({ headers })).toBe("to r1");
    expect(await found.to({ headers: { ...headers, "schema-rev": "junk" } })).toBe("pins-invalid");
  });

  it("of this revision leads elsewhere where the backend has not what is asked for, and another one's has", async () => {
    const found = await stage();
    await announce(found.registry, { revision: "r13", pins: { writes: { schemaRev: 13 } } });
    const headers = { "revision-pin": await sign({ revision: "r2" }), "schema-rev": "13" };
    expect(await found.to({ headers })).toBe("to r13");
  });

  it("by cookie counts only where cookies do", async () => {
    const found = await stage({ cookie: false });
    expect(await found.to(byCookie(await sign()))).toBe("served");
    expect(await found.to(byHeader(await sign()))).toBe("to r1");
  });
});

describe("revoke()", () => {
  it("drops every pin of the revision that was given out until then, and none of another one", async () => {
    const found = await stage();
    await found.once.pins.revoke("r1");
    expect(await found.to(byHeader(await sign()))).toBe("served");
    expect(await found.to(byHeader(await sign({ epoch: 1 })))).toBe("to r1");
    expect(await found.to(byHeader(await sign({ revision: "r3" })))).toBe("to r3");
    expect(found.dropped()).toEqual([["revoked", "header"]]);
  });

  it("is known to another instance within a heartbeat", async () => {
    const found = await stage();
    const other = await stage();
    const second = pinnedService({
      platform: { ...found.platform, epochMs: () => NOW_MS },
      pins: { writes: { schemaRev: 12 } },
      revisions: sideBySide(found.registry),
    });
    expect((await second.ask("get", byHeader(await sign()))).verdict).toBe("to r1");
    await found.once.pins.revoke("r1");
    found.platform.pause(2500);
    // The request that finds the reading old has it read anew beside it.
    await second.ask("get", byHeader(await sign()));
    await settled();
    expect((await second.ask("get", byHeader(await sign()))).verdict).toBe("served");
    expect(await other.to(byHeader(await sign()))).toBe("to r1");
  });

  it("ends this revision's own giving out of pins, at once", async () => {
    const found = await stage({ givePins: "all" });
    const pinOf = async () => (await found.ask("post")).headers["Revision-Pin"];
    expect(await pinOf()).toBe("<pin of r2>");
    await found.once.pins.revoke("r2");
    expect(await pinOf()).toBe(undefined);
  });

  it("lets an instance that begins afterwards give out pins of the new epoch", async () => {
    const found = await stage();
    await found.once.pins.revoke("r2");
    const revisions = sideBySide(found.registry, { givePins: "all" });
    const later = pinnedService({ platform: { ...found.platform, epochMs: () => NOW_MS }, revisions });
    expect((await later.ask("post")).headers["Revision-Pin"]).toBe("<pin of r2>");
  });

  it("counts each time", async () => {
    const found = await stage();
    await found.once.pins.revoke("r1");
    await found.once.pins.revoke("r1");
    expect(await found.to(byHeader(await sign({ epoch: 1 })))).toBe("served");
    expect(await found.to(byHeader(await sign({ epoch: 2 })))).toBe("to r1");
  });
});

describe("setFloor()", () => {
  it("drops pins of every revision that was announced before that one, by whatever way", async () => {
    const found = await stage({ deploymentId: true });
    await found.once.pins.setFloor("r1");
    expect(await found.to(byHeader(await sign({ revision: "r0" })))).toBe("served");
    expect(await found.to({ headers: { "x-deployment-id": "r0" } })).toBe("served");
    expect(await found.to(byHeader(await sign()))).toBe("to r1");
    expect(await found.to(byHeader(await sign({ revision: "r3" })))).toBe("to r3");
    expect(found.dropped()).toEqual([
      ["too-old", "header"],
      ["too-old", "deployment-id"],
    ]);
  });

  it("to a revision that nobody knows drops the pins of all that are known", async () => {
    const found = await stage();
    await found.once.pins.setFloor("r99");
    expect(await found.to(byHeader(await sign({ revision: "r3" })))).toBe("served");
  });
});

describe("sign()", () => {
  it("makes a pin of the epoch there is, for as long as it is told", async () => {
    const found = await stage();
    await found.once.pins.revoke("r1");
    const token = await found.once.pins.sign("pin", "r1", 1000);
    expect(await found.to(byHeader(token))).toBe("to r1");
    expect(await KEYS.verify(token, NOW_MS)).toMatchObject({ claims: { epoch: 1, expiresAtMs: NOW_MS + 1000 } });
  });
});
