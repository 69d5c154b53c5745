import { beforeEach, describe, expect, it } from "vitest";
import { pinProblemAnswer } from "../../src/problem.js";
import type { ForwardTarget } from "../../src/revisions/forwarder.js";
import { type FakePlatform, fakePlatform } from "../fake-platform.js";
import { type Asked, KEYS, type PinnedService, pinnedService, sideBySide } from "../pins/service.js";
import { type ScriptedRegistry, scriptedRegistry } from "./scripted-registry.js";

let platform: FakePlatform;
let registry: ScriptedRegistry;

beforeEach(() => {
  platform = fakePlatform();
  registry = scriptedRegistry(platform.monotonicMs);
});

const addressOf = (instance: string) => `http://${instance}.search.internal:8080`;

/** An instance of a revision that accepts the indexes A and B, and whose backend has what `index` says. */
function at(revision: string, instance: string, index: () => string): PinnedService {
  return pinnedService({
    revision,
    platform,
    pins: { writes: { indexHash: "A" }, accepts: { indexHash: ["B"] }, read: () => ({ indexHash: index() }) },
    revisions: sideBySide(registry, { instance, address: addressOf(instance) }),
  });
}

async function announced(revision: string, instance: string, index: () => string): Promise<PinnedService> {
  const service = at(revision, instance, index);
  await service.once.pins.announce();
  return service;
}

const FOR_B: Asked = { headers: { "index-hash": "B" } };

async function targetOf(service: PinnedService, asked: Asked = FOR_B): Promise<ForwardTarget> {
  const verdict = await service.send(asked);
  if (verdict.action !== "forward") throw new Error(`not forwarded, but ${verdict.action}`);
  return verdict.target;
}

async function addressesOf(service: PinnedService, asked?: Asked): Promise<ReadonlySet<string>> {
  const addresses = new Set<string>();
  for (let time = 0; time < 60; time += 1) addresses.add((await targetOf(service, asked)).address);
  return addresses;
}

describe("a request that some instances of a revision match", () => {
  it("is forwarded to one of those, and to none of the others", async () => {
    await announced("r1", "one", () => "A");
    await announced("r1", "two", () => "B");
    await announced("r1", "three", () => "B");
    const own = await announced("r2", "own", () => "A");
    expect(await addressesOf(own)).toEqual(new Set([addressOf("two"), addressOf("three")]));
  });

  it("is forwarded to another instance of this very revision, which was brought up to date before", async () => {
    await announced("r2", "other", () => "B");
    const own = await announced("r2", "own", () => "A");
    expect(await targetOf(own)).toMatchObject({ revision: "r2", address: addressOf("other") });
  });

  it("is no longer refused by what an instance said before it was told to read anew", async () => {
    let index = "A";
    const other = await announced("r2", "other", () => index);
    const own = await announced("r2", "own", () => "A");
    expect((await own.ask("get", FOR_B)).problem?.code).toBe("backend-behind");
    index = "B";
    await other.once.pins.refresh();
    platform.pause(500);
    expect((await targetOf(own)).address).toBe(addressOf("other"));
  });

  it("is forwarded to any of them where a revision pin alone leads there", async () => {
    await announced("r1", "one", () => "A");
    await announced("r1", "two", () => "B");
    const pin = await KEYS.sign({ kind: "pin", revision: "r1", epoch: 0, expiresAtMs: 1_800_000_000_000 });
    const addresses = await addressesOf(
      at("r2", "own", () => "A"),
      { headers: { "revision-pin": pin } },
    );
    expect(addresses).toEqual(new Set([addressOf("one"), addressOf("two")]));
  });
});

describe("an address at which nothing listened", () => {
  const fail = (target: ForwardTarget, code: "revision-unreachable" | "forward-failed") =>
    target.failed?.(pinProblemAnswer(code), code, new Error("refused"));

  it("is not tried again for five seconds where there is another one", async () => {
    const own = at("r2", "own", () => "A");
    await announced("r1", "one", () => "B");
    await announced("r1", "two", () => "B");
    const dead = await targetOf(own);
    fail(dead, "revision-unreachable");
    const addresses = await addressesOf(own);
    expect([addresses.size, addresses.has(dead.address)]).toEqual([1, false]);
    platform.pause(5000);
    expect((await addressesOf(own)).size).toBe(2);
  });

  it("is tried where there is no other one", async () => {
    const own = at("r2", "own", () => "A");
    await announced("r1", "one", () => "B");
    fail(await targetOf(own), "revision-unreachable");
    expect((await targetOf(own)).address).toBe(addressOf("one"));
  });

  it("is another thing than one that did not answer a request it got", async () => {
    const own = at("r2", "own", () => "A");
    await announced("r1", "one", () => "B");
    await announced("r1", "two", () => "B");
    fail(await targetOf(own), "forward-failed");
    expect((await addressesOf(own)).size).toBe(2);
  });
});

describe("refresh()", () => {
  it("tells nobody anything where the instance is not announced", async () => {
    await at("r2", "own", () => "B").once.pins.refresh();
    expect(registry.times("write")).toBe(0);
  });

  it("gives what was read, though the registry cannot be told of it", async () => {
    const own = await announced("r2", "own", () => "B");
    registry.down();
    expect(await own.once.pins.refresh()).toEqual({ indexHash: "B" });
    expect(own.events.filter(({ type }) => type === "announce-failed")).toHaveLength(1);
  });
});

describe("a revoked pin", () => {
  it("is dropped within a heartbeat by an instance that had no requests meanwhile", async () => {
    await announced("r1", "one", () => "A");
    const own = await announced("r2", "own", () => "A");
    const pin = await KEYS.sign({ kind: "pin", revision: "r1", epoch: 0, expiresAtMs: 1_800_000_000_000 });
    const asked: Asked = { headers: { "revision-pin": pin } };
    expect((await own.ask("get", asked)).verdict).toBe("to r1");
    await at("r3", "third", () => "A").once.pins.revoke("r1");
    await platform.advance(5000);
    expect((await own.ask("get", asked)).verdict).toBe("served");
  });
});
