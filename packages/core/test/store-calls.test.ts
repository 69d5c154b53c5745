import { describe, expect, it } from "vitest";
import { OnceoverError } from "../src/error.js";
import { encodeRecord } from "../src/record.js";
import type { AcquireRequest, Fingerprint } from "../src/store.js";
import { openHouse, problem, runOf } from "./support.js";

describe("what is given to the store", () => {
  it("carries the configured retention in acquire and complete, and what a clock may be set wrong by", async () => {
    const house = await openHouse({ retention: "30d" });
    await house.pay();
    await house.pay({ key: "k-2" }, { retention: "48h" });
    const retentions = house.store.calls.map(({ args }) => (args[0] as AcquireRequest).retentionMs ?? args[3]);
    expect(retentions).toEqual([30, 30, 2, 2].map((days) => (days + 1) * 86_400_000 + 60_000));
  });

  it("is the longer of 24 h and releaseWindow + 24 h where no retention is configured", async () => {
    const plain = await openHouse();
    await plain.pay();
    expect(plain.store.calls[0]?.args).toMatchObject([{ retentionMs: (24 + 24) * 3_600_000 + 60_000 }]);
    const windowed = await openHouse({ releaseWindow: "6h" });
    await windowed.pay();
    expect(windowed.store.calls[0]?.args).toMatchObject([{ retentionMs: (30 + 24) * 3_600_000 + 60_000 }]);
  });

  it("is one token per acquire, made before it", async () => {
    const house = await openHouse();
    await house.another().pay();
    await house.send();
    await house.send({ key: "k-2" });
    const tokens = house.store.calls
      .filter(({ verb }) => verb === "acquire")
      .map(({ args }) => (args[0] as AcquireRequest).token);
    expect(new Set(tokens).size).toBe(3);
  });
});

describe("forget", () => {
  it("makes a key count as never seen, in this process and in the store", async () => {
    const house = await openHouse();
    await house.pay();
    expect(await house.once.forget("alice", "k-1")).toBe("ok");
    expect(await house.once.forget("alice", "k-1")).toBe("none");
    expect(runOf(await house.send()).once.attempt).toBe(1);
  });

  it("takes [] for SHARED_SCOPE, and throws a TypeError for a scope that names nobody", async () => {
    const house = await openHouse();
    expect(await house.once.forget([], "k-1")).toBe("none");
    for (const scope of [undefined, null, "", [""], "\ud800"]) {
      await expect(house.once.forget(scope, "k-1")).rejects.toThrow(
        new TypeError("scope must name the caller, or be [] for SHARED_SCOPE"),
      );
    }
  });
});

describe("a record this release cannot read", () => {
  const record = encodeRecord({
    kind: "cut",
    fingerprint: "t1:x" as Fingerprint,
    revision: "r1",
    completedAtMs: 0,
    status: 200,
  });

  it.each([
    ["of a newer version", new Uint8Array([2, ...record.slice(1)])],
    ["that was cut short", record.slice(0, -1)],
    ["of no bytes", new Uint8Array(0)],
  ])("%s is refused 503 record-unreadable, leaders and followers, and nothing runs or is written", async (_, bytes) => {
    const house = await openHouse();
    house.store.next("acquire", { answer: { outcome: "done", record: bytes } });
    for (const verdict of await Promise.all([house.send(), house.send()])) {
      expect(problem(verdict)).toMatchObject({ status: 503, code: "record-unreadable", executed: false });
    }
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire"]);
  });

  it("is reported by a store as an OnceoverError, and refused in the same way", async () => {
    const house = await openHouse();
    house.store.next("acquire", { error: new OnceoverError("record-unreadable", "newer layout") });
    expect(problem(await house.send())).toMatchObject({ status: 503, code: "record-unreadable" });
    expect(house.store.calls.map(({ verb }) => verb)).toEqual(["acquire"]);
  });
});
