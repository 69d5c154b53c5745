import { describe, expect, it } from "vitest";
import type { Verdict } from "../src/verdict.js";
import { finish, joined, openHouse, problem, runOf, say, seen } from "./support.js";

const REFUSED: Verdict = { action: "answer", answer: { status: 299, headers: [], chunks: [] } };

describe("drain()", () => {
  it("begins nothing new: no key is claimed, and what carries none does not reach the handler", async () => {
    const { once, send, store } = await openHouse();
    once.drain(() => REFUSED);
    expect(await send()).toBe(REFUSED);
    expect(await send({ key: [] })).toBe(REFUSED);
    expect(await send({ method: "GET" })).toBe(REFUSED);
    expect([store.count("acquire"), store.count("read")]).toEqual([0, 1]);
  });

  it("leaves a refused key free: it runs in another process", async () => {
    const house = await openHouse();
    house.once.drain(() => REFUSED);
    await house.send();
    expect(runOf(await house.another().send()).once.attempt).toBe(1);
  });

  it("holds for mounts that were made before and after", async () => {
    const { once, send } = await openHouse();
    const early = { leaseMs: 1000 };
    await finish(runOf(await send({}, early)));
    once.drain(() => REFUSED);
    expect(await send({ key: "k-2" }, early)).toBe(REFUSED);
    expect(await send({ key: "k-2" }, { leaseMs: 2000 })).toBe(REFUSED);
  });

  it("tells who refuses what it refuses, and heeds who refuses last", async () => {
    const { once, send } = await openHouse();
    const targets: string[] = [];
    once.drain(() => ({ action: "pass" }));
    once.drain(({ target }) => {
      targets.push(target);
      return REFUSED;
    });
    expect(await send({ key: [], target: "/a?b" })).toBe(REFUSED);
    expect(targets).toEqual(["/a?b"]);
  });

  it("replays what is recorded, from this process and from the store", async () => {
    const house = await openHouse();
    const other = house.another();
    await house.pay();
    for (const { once, send } of [house, other]) {
      once.drain(() => REFUSED);
      const { status, headers } = seen(await send());
      expect([status, headers["Idempotency-Replayed"]]).toEqual([201, "true"]);
    }
    expect(house.store.count("acquire")).toBe(1);
  });

  it("refuses another payload under a recorded key by 422", async () => {
    const { once, send, pay } = await openHouse();
    await pay();
    once.drain(() => REFUSED);
    expect(problem(await send({ body: '{"amount":2}' })).code).toBe("key-reused");
  });

  it("lets the runs that have begun end, and gives their answers to those who wait", async () => {
    const { once, send } = await openHouse();
    const run = runOf(await send());
    once.drain(() => REFUSED);
    const waiting = send();
    await finish(run);
    expect(seen(await waiting).status).toBe(201);
  });

  it("lets a stream that has begun be joined", async () => {
    const { once, send } = await openHouse();
    const run = runOf(await send());
    run.head(200, [], []);
    say(run, "a");
    once.drain(() => REFUSED);
    expect(await joined(await send()).next()).toBe("a");
    await run.end();
  });

  it("tells a run in another process by 409, and an outcome nobody knows, too", async () => {
    const house = await openHouse();
    const other = house.another();
    runOf(await house.send());
    other.once.drain(() => REFUSED);
    expect(problem(await other.send()).code).toBe("in-flight");
    house.store.always("renew", "lose-request");
    await house.platform.advance(60_000);
    expect(problem(await other.send()).code).toBe("outcome-unknown");
  });

  it("refuses as the caller of a mount says, where it says so itself", async () => {
    const { once } = await openHouse();
    once.drain(() => REFUSED);
    const own: Verdict = { action: "answer", answer: { status: 298, headers: [], chunks: [] } };
    const facts = { method: "GET", target: "/", header: () => [], body: () => ({ outcome: "consumed" as const }) };
    expect(await once.mount().attempt({ ...facts, request: { caller: "alice" } }, own)).toBe(own);
  });

  it("reads no body of a key that nobody has seen: whoever gets the request next is to have it", async () => {
    const { once, pay } = await openHouse();
    let reads = 0;
    const attempt = (key: string) =>
      once.mount().attempt({
        method: "POST",
        target: "/payments",
        header: (name) => (name === "idempotency-key" ? [key] : name === "content-type" ? ["application/json"] : []),
        body: () => {
          reads += 1;
          return { outcome: "bytes", bytes: new TextEncoder().encode('{"amount":1}') };
        },
        request: { caller: "alice" },
      });
    await pay({ key: "k-seen" });
    once.drain(() => REFUSED);
    expect([await attempt("k-fresh"), reads]).toEqual([REFUSED, 0]);
    expect([seen(await attempt("k-seen")).status, reads]).toEqual([201, 1]);
  });
});

describe("interrupt()", () => {
  it("says which runs are going on, and nothing of those that ended", async () => {
    const { once, send, pay } = await openHouse();
    await pay({ key: "k-done" });
    const run = runOf(await send());
    const [interrupted, ...others] = once.interrupt();
    expect(others).toEqual([]);
    expect(interrupted).toEqual({ keyDigest: expect.any(String), attempt: 1, fence: run.once.fence });
    expect(JSON.stringify(interrupted)).not.toContain("k-1");
  });

  it("aborts their signals, and tells why", async () => {
    const { once, send, eventsOf } = await openHouse();
    const { signal } = runOf(await send()).once;
    once.interrupt();
    expect([signal.aborted, signal.reason.code]).toEqual([true, "lease-lost"]);
    expect(eventsOf("lease-lost").map(({ reason }) => reason)).toEqual(["interrupted"]);
  });

  it("renews their leases no more: after the lease a retry finds an unknown outcome and runs nothing", async () => {
    const { once, send, platform, store, another } = await openHouse();
    runOf(await send());
    once.interrupt();
    const renewals = store.count("renew");
    const other = another();
    expect(problem(await other.send({}, { inFlight: "reject" })).code).toBe("in-flight");
    await platform.advance(15_001);
    expect(store.count("renew")).toBe(renewals);
    expect(problem(await other.send()).code).toBe("outcome-unknown");
  });

  it("still records what they answer within the lease: the retry gets the one result", async () => {
    const { once, send, another } = await openHouse();
    const run = runOf(await send());
    once.interrupt();
    await finish(run);
    expect(seen(await another().send()).status).toBe(201);
    await once.idle();
    expect(once.interrupt()).toEqual([]);
  });

  it("called twice names what is still going on, and tells of each loss once", async () => {
    const { once, send, eventsOf } = await openHouse();
    runOf(await send());
    expect(once.interrupt()).toEqual(once.interrupt());
    expect(eventsOf("lease-lost")).toHaveLength(1);
  });
});
