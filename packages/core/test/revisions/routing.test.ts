import { describe, expect, it } from "vitest";
import { pinProblemAnswer } from "../../src/problem.js";
import type { RevisionsOptions } from "../../src/revisions/revisions-options.js";
import { fakePlatform, settled } from "../fake-platform.js";
import { type Asked, KEYS, type PinnedService, pinnedService, sideBySide } from "../pins/service.js";
import { announce } from "./neighbour.js";
import { type ScriptedRegistry, scriptedRegistry } from "./scripted-registry.js";

interface Stage extends PinnedService {
  readonly registry: ScriptedRegistry;
}

/** `r2`, and `r1` beside it, which has schema revision 11 and is announced as `neighbour` says. */
async function stage(
  more: Partial<RevisionsOptions> = {},
  neighbour: Partial<RevisionsOptions> = {},
  writes = { schemaRev: 12 },
): Promise<Stage> {
  const platform = fakePlatform();
  const registry = scriptedRegistry(platform.monotonicMs);
  await announce(registry, { revision: "r1", pins: { writes: { schemaRev: 11 } }, more: neighbour });
  const service = pinnedService({ platform, pins: { writes }, revisions: sideBySide(registry, more) });
  return { ...service, registry };
}

const FOR_R1: Asked = { headers: { "schema-rev": "11" } };

const forwarded = async ({ send }: Stage, asked: Asked = FOR_R1) => {
  const verdict = await send(asked);
  if (verdict.action !== "forward") throw new Error(`not forwarded, but ${verdict.action}`);
  return verdict.target;
};

const codeOf = async ({ ask }: Stage, asked: Asked = FOR_R1) => (await ask("get", asked)).problem?.code;

describe("a request that another revision matches", () => {
  it("is forwarded to the address that revision announced, and says on its way who passed it on", async () => {
    expect(await forwarded(await stage())).toMatchObject({
      revision: "r1",
      address: "http://r1.search.internal:8080",
      headers: [["Via", "1.1 onceover-search"]],
    });
  });

  it("keeps what it says of earlier gateways", async () => {
    const via = ["1.0 fred, 1.1 p.example.net", "1.1 onceover-search2"];
    const { headers } = await forwarded(await stage(), { headers: { "schema-rev": "11", via } });
    expect(headers).toEqual([["Via", "1.0 fred, 1.1 p.example.net, 1.1 onceover-search2, 1.1 onceover-search"]]);
  });

  it.each([
    "1.1 onceover-searching",
    "1.1 not-onceover-search",
    "1.1 onceover-search:8080",
    "1.1 other (onceover-search)",
  ])("is no loop where %j passed it on, which is another gateway", async (via) => {
    expect((await forwarded(await stage(), { headers: { "schema-rev": "11", via } })).revision).toBe("r1");
  });

  it.each([["1.1 onceover-search"], ["HTTP/1.1 onceover-search"], ["1.0 fred,1.1  onceover-search (r1) , 1.1 x"]])(
    "is refused as a loop where %j passed it on, which is one of this service",
    async (via) => {
      const found = await stage();
      const { verdict, problem } = await found.ask("get", { headers: { "schema-rev": "11", via: ["1.1 y", via] } });
      expect([verdict, problem?.code, problem?.executed]).toEqual([508, "forward-loop", false]);
    },
  );

  it("is served all the same where it was forwarded to the right one", async () => {
    const headers = { "schema-rev": "12", via: "1.1 onceover-search" };
    expect((await (await stage()).ask("get", { headers })).verdict).toBe("served");
  });

  it.each([
    ["no address", { address: undefined }],
    ["one that is not allowed", { address: "http://r1.evil.internal:8080" }],
    ["one whose port is not allowed", { address: "http://r1.search.internal:81" }],
  ])("is refused as unreachable where that revision announced %s", async (_, neighbour) => {
    const found = await stage({}, neighbour);
    const { verdict, problem, headers } = await found.ask("get", FOR_R1);
    expect([verdict, problem?.code, problem?.executed]).toEqual([503, "revision-unreachable", false]);
    expect(headers["Retry-After"]).toBe("2");
    expect(found.events).toContainEqual({ type: "refused", code: "revision-unreachable" });
  });

  it("goes where a function allows, which is told address and revision, whatever the list would say", async () => {
    const seen: unknown[] = [];
    const addresses = (address: URL, revision: string) => seen.push([address.href, revision]) > 0;
    expect((await forwarded(await stage({ addresses }))).address).toBe("http://r1.search.internal:8080");
    expect(seen).toEqual([["http://r1.search.internal:8080/", "r1"]]);
  });

  it("is told of, by revision and way", async () => {
    const found = await stage();
    await forwarded(found);
    expect(found.events).toContainEqual({ type: "routed", revision: "r1", how: "forward" });
  });

  it("that could not be forwarded is told of, and answered in the name of this revision", async () => {
    const found = await stage();
    const { failed } = await forwarded(found);
    const cause = new Error("it hung up");
    const answer = failed?.(pinProblemAnswer("forward-failed"), "forward-failed", cause);
    expect(answer).toMatchObject({ status: 502 });
    expect(Object.fromEntries(answer?.headers ?? [])).toEqual({
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      Revision: "r2",
      "Schema-Rev": "12",
    });
    const event = { type: "forward-failed", revision: "r1", code: "forward-failed", error: cause };
    expect(found.events.at(-1)).toEqual(event);
  });

  it("is answered 421 with the revision's name where a router in front is to send it there", async () => {
    const found = await stage({ forwarder: undefined });
    expect(await found.ask("get", FOR_R1)).toEqual({
      verdict: 421,
      problem: { code: "misdirected", executed: false, revision: "r1" },
      headers: { Revision: "r2", "Schema-Rev": "12", "Cache-Control": "no-store" },
    });
    expect(found.events).toContainEqual({ type: "routed", revision: "r1", how: "misdirect" });
  });

  it("is redirected with its whole target to the public address where the application allows that", async () => {
    const addresses = ["https://*.search.example"];
    const found = await stage({ route: "redirect", addresses }, { publicAddress: "https://r1.search.example/" });
    expect(await found.ask("get", { ...FOR_R1, target: "//evil.example/a?b=%2F&c" })).toEqual({
      verdict: 307,
      headers: {
        Revision: "r2",
        "Schema-Rev": "12",
        "Cache-Control": "no-store",
        Location: "https://r1.search.example//evil.example/a?b=%2F&c",
      },
    });
    expect(found.events).toContainEqual({ type: "routed", revision: "r1", how: "redirect" });
  });

  it.each(["*", "http://evil.example/a", "evil"])("is redirected nowhere with the target %j", async (target) => {
    const addresses = ["https://*.search.example"];
    const found = await stage({ route: "redirect", addresses }, { publicAddress: "https://r1.search.example" });
    expect(await codeOf(found, { ...FOR_R1, target })).toBe("revision-unreachable");
  });

  it("is redirected to no address that is not allowed, nor to one meant for instances alone", async () => {
    const route = "redirect";
    const addresses = ["http://*.search.internal:8080"];
    expect(await codeOf(await stage({ route, addresses }))).toBe("revision-unreachable");
    expect(await codeOf(await stage({ route, addresses }, { publicAddress: "https://r1.search.example" }))).toBe(
      "revision-unreachable",
    );
  });

  it("goes to an instance that serves, and to one that drains only where none serves", async () => {
    const found = await stage();
    const more = { instance: "second", address: "http://second.search.internal:8080" };
    const second = await announce(found.registry, { revision: "r1", pins: { writes: { schemaRev: 11 } }, more });
    await second.become("draining");
    for (let time = 0; time < 20; time += 1) {
      expect((await forwarded(found)).address).toBe("http://r1.search.internal:8080");
    }
  });

  it("goes there while the registry fails, as long as what was read of it counts", async () => {
    const found = await stage();
    await forwarded(found);
    found.registry.down();
    await found.platform.advance(2500);
    await forwarded(found);
    await settled();
    expect(found.events).toContainEqual(expect.objectContaining({ type: "read-failed", what: "registry" }));
    expect((await forwarded(found)).address).toBe("http://r1.search.internal:8080");
    await found.platform.advance(12_500);
    expect(await codeOf(found)).toBe("revision-unknown");
  });

  it("is refused by no list that is older than a moment: a revision may have come since", async () => {
    const found = await stage();
    const [pins, own] = [{ writes: { schemaRev: 13 } }, { headers: { "schema-rev": "13" } }];
    const pinned = { headers: { "revision-pin": await found.once.pins.sign("pin", "r3", 60_000) } };
    expect([await codeOf(found, own), await codeOf(found, pinned)]).toEqual(["backend-behind", "revision-unknown"]);
    await announce(found.registry, { revision: "r3", pins });
    expect(await codeOf(found, own)).toBe("backend-behind");
    found.platform.pause(500);
    expect((await forwarded(found, pinned)).revision).toBe("r3");
    expect((await forwarded(found, own)).revision).toBe("r3");
  });

  it("has it listed anew no more than twice a second, however many are refused", async () => {
    const found = await stage();
    await codeOf(found, { headers: { "schema-rev": "13" } });
    const before = found.registry.times("list");
    for (let time = 0; time < 50; time += 1) {
      found.platform.pause(20);
      await codeOf(found, { headers: { "schema-rev": "13" } });
    }
    expect(found.registry.times("list") - before).toBeLessThanOrEqual(2);
  });

  it("is not known to be gone where that cannot be read anew", async () => {
    const found = await stage();
    const { stop } = await announce(found.registry, { revision: "r0", pins: { writes: { schemaRev: 10 } } });
    await stop();
    const pinned = { headers: { "revision-pin": await found.once.pins.sign("pin", "r0", 60_000) } };
    expect(await codeOf(found, pinned)).toBe("revision-gone");
    found.registry.down();
    found.platform.pause(500);
    expect(await codeOf(found, pinned)).toBe("revision-unknown");
  });

  it("is served again without its token as part of what it stands for: a retry has another one", async () => {
    const found = await stage();
    const pin = (lifetimeMs: number) => found.once.pins.sign("pin", "r2", lifetimeMs);
    const [one, two] = [await pin(60_000), await pin(120_000)];
    const post = { key: "k-1", method: "POST" };
    const of = (token: string) => ({ ...post, target: `/pay?a=1&revision-pin=${token}&b` });
    expect(one).not.toBe(two);
    expect((await found.ask("post", of(one))).verdict).toBe("served");
    expect((await found.ask("post", of(two))).verdict).toBe("replayed");
    expect((await found.ask("post", { ...post, target: "/pay?a=1&b" })).verdict).toBe("replayed");
  });
});

describe("an instance", () => {
  it("sends nothing to itself, even if it is among the live ones", async () => {
    const found = await stage({ instance: "own", address: "http://own.search.internal:8080" });
    await found.once.pins.announce();
    expect(await codeOf(found, { headers: { "schema-rev": "13" } })).toBe("backend-behind");
  });

  it("looks for its token by the keys it was given, and by no others", async () => {
    const other = await KEYS.sign({ kind: "pin", revision: "r1", epoch: 0, expiresAtMs: 1_800_000_000_000 });
    const found = await stage({ keys: undefined });
    expect((await found.ask("get", { headers: { "revision-pin": other } })).verdict).toBe("served");
  });
});
