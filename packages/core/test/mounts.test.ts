import { describe, expect, it } from "vitest";
import { finish, openHouse, problem, runOf, seen } from "./support.js";

describe("a request that comes to several mounts", () => {
  it("is a duplicate in any of them when it comes again: the key is the service's, not the mount's", async () => {
    const house = await openHouse();
    await house.pay({}, { leaseMs: 1_000 });
    expect(seen(await house.send({}, { leaseMs: 2_000 }))).toMatchObject({ status: 201 });
  });
});

describe("methods", () => {
  it("name the requests whose key counts, in place of POST and PATCH", async () => {
    const house = await openHouse();
    const options = { methods: ["put"] };
    expect((await house.send({ method: "PUT" }, options)).action).toBe("run");
    expect((await house.send({ method: "POST", key: "k-2" }, options)).action).toBe("pass");
    expect((await house.send({ method: "PATCH", key: "k-3" })).action).toBe("run");
  });
});

describe("a handler that throws", () => {
  it("is told to the listeners by the adapter; the key stays as it is until the answer ends", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    const error = new Error("no");
    run.failed(error);
    expect(house.events.at(-1)).toMatchObject({ type: "handler-failed", error });
    await finish(run, { status: 500, body: "sorry" });
    expect(seen(await house.another().send())).toMatchObject({ status: 500, text: "sorry" });
  });
});

describe("the events of a key's life", () => {
  it("are golden, in order: examined, run, recorded, replayed, refused", async () => {
    const house = await openHouse();
    const run = runOf(await house.send());
    await house.platform.advance(40);
    await finish(run);
    await house.send();
    await house.send({ body: "{}" });
    const { keyDigest = "" } = house.eventsOf("run")[0] ?? {};
    expect(house.events).toEqual([
      { type: "verified", tier: "T0", findings: [] },
      { type: "run", keyDigest, attempt: 1, fence: 1_700_000_000_000 },
      { type: "recorded", keyDigest, status: 201, recordBytes: 132, runMs: 40 },
      { type: "replayed", keyDigest, status: 201, from: "store" },
      { type: "refused", code: "key-reused", keyDigest },
    ]);
  });

  it("takes the key from the header that keyHeader names, in any case, and from no other", async () => {
    const house = await openHouse();
    const options = { keyHeader: "Content-Type", required: true };
    expect((await house.send({ key: [] }, options)).action).toBe("run");
    const refused = await house.send({}, { keyHeader: "X-GitHub-Delivery", required: true });
    expect(problem(refused)).toMatchObject({
      code: "key-missing",
      detail: "Send X-GitHub-Delivery: one value for one intended effect, the same in each retry.",
    });
  });
});
