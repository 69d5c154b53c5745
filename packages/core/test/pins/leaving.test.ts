import { beforeEach, describe, expect, it } from "vitest";
import { refuseArrival } from "../../src/drain/refuse-arrival.js";
import { memoryStore } from "../../src/memory-store.js";
import type { RevisionsOptions } from "../../src/revisions/revisions-options.js";
import type { Verdict } from "../../src/verdict.js";
import { type FakePlatform, fakePlatform } from "../fake-platform.js";
import { announce } from "../revisions/neighbour.js";
import { type ScriptedRegistry, scriptedRegistry } from "../revisions/scripted-registry.js";
import { type ScriptedStore, scriptedStore } from "../scripted-store.js";
import { finish, joined, problem, runOf, say, seen } from "../support.js";
import { type Asked, factsOf, type PinnedService, pinnedService, sideBySide } from "./service.js";

let platform: FakePlatform;
let registry: ScriptedRegistry;
let store: ScriptedStore;

beforeEach(() => {
  platform = fakePlatform();
  registry = scriptedRegistry(platform.monotonicMs);
  store = scriptedStore(memoryStore({ nowMs: platform.epochMs }));
});

/** An instance of `r2` over the common store and registry. */
const r2 = (more: Partial<RevisionsOptions> = {}): PinnedService =>
  pinnedService({ platform, store, pins: { writes: { schemaRev: 12 } }, revisions: sideBySide(registry, more) });

const other = (revision: string, more: Partial<RevisionsOptions> = {}, schemaRev = 12) =>
  announce(registry, { revision, pins: { writes: { schemaRev } }, more });

const GONE: Verdict = { action: "answer", answer: { status: 299, headers: [["X-Own", "1"]], chunks: [] } };
const leave = ({ once }: PinnedService) => once.drain(() => GONE);
const pay: Asked = { method: "POST", key: "k-1" };
const codeOf = (verdict: Verdict) => problem(verdict).code;
const STREAM: Asked = { headers: { accept: "text/event-stream" } };

describe("what an instance that leaves refuses", () => {
  it("leaves its key free: it runs at the next instance that is asked", async () => {
    const leaving = r2();
    leave(leaving);
    expect(seen(await leaving.send(pay)).status).toBe(299);
    expect([store.count("acquire"), store.count("read")]).toEqual([0, 1]);
    expect(runOf(await r2().send(pay)).once.attempt).toBe(1);
  });

  it("says whose answer it is, in the words of whoever takes the instance out of service", async () => {
    const leaving = r2();
    leave(leaving);
    expect(seen(await leaving.send()).headers).toMatchObject({ "X-Own": "1", Revision: "r2", "Schema-Rev": "12" });
    expect(leaving.events).toContainEqual({ type: "refused", code: "draining" });
  });

  it("says it by 503 `draining` where the registry told it to, and when to come again", async () => {
    const leaving = r2();
    await leaving.once.pins.drain("r2");
    const verdict = await leaving.send(pay);
    expect([seen(verdict).status, codeOf(verdict), problem(verdict).executed]).toEqual([503, "draining", false]);
    expect(seen(verdict).headers).toMatchObject({ "Retry-After": "1", "Cache-Control": "no-store", Revision: "r2" });
  });

  it("has an event stream come again with the id it has, and pins nobody by that", async () => {
    for (const way of [leaveByStream, (service: PinnedService) => service.once.pins.drain("r2")]) {
      const leaving = r2({ givePins: "all" });
      await way(leaving);
      const verdict = await leaving.send({ headers: { ...STREAM.headers, "last-event-id": "7" } });
      const { status, headers, text } = seen(verdict);
      expect([status, headers["Content-Type"], text]).toEqual([200, "text/event-stream", "retry: 1000\nid: 7\n\n"]);
      expect([headers["Revision-Pin"], headers["Set-Cookie"]]).toEqual([undefined, undefined]);
      await leaving.once.pins.serve("r2");
    }
  });

  it("is refused for its pins where it would be refused for them anyway", async () => {
    const leaving = r2();
    leave(leaving);
    const ask = async (schemaRev: string) => codeOf(await leaving.send({ headers: { "schema-rev": schemaRev } }));
    expect([await ask("13"), await ask("11"), await ask("x")]).toEqual([
      "backend-behind",
      "client-behind",
      "pins-invalid",
    ]);
  });

  it("is refused behind a mount with pins: false, too, unless its key has a record", async () => {
    const leaving = r2();
    await other("r3");
    const mount = { pins: false } as const;
    await finish(runOf(await leaving.send(pay, mount)));
    leave(leaving);
    expect(seen(await leaving.send(pay, mount)).headers["Idempotency-Replayed"]).toBe("true");
    expect(seen(await leaving.send({}, mount)).status).toBe(299);
    expect(seen(await leaving.send({ ...pay, key: "k-2" }, mount)).status).toBe(299);
    expect(leaving.events.filter(({ type }) => type === "refused")).toHaveLength(2);
  });

  it("is what the caller of a mount says where it says so itself", async () => {
    const leaving = r2();
    leave(leaving);
    const own: Verdict = { action: "answer", answer: { status: 298, headers: [], chunks: [] } };
    for (const mount of [leaving.once.mount(), leaving.once.mount({ pins: false })]) {
      expect(await mount.attempt(factsOf(pay), own)).toBe(own);
    }
  });
});

const leaveByStream = ({ once }: PinnedService) =>
  once.drain((facts) => ({ action: "answer", answer: refuseArrival(facts, 1000) }));

describe("what an instance that leaves serves all the same", () => {
  it("a preflight, which carries nothing of the request it asks for", async () => {
    const leaving = r2();
    leave(leaving);
    const headers = { "access-control-request-method": "POST", origin: "https://a.example" };
    expect((await leaving.send({ method: "OPTIONS", headers })).action).toBe("pass");
    expect(seen(await leaving.send({ method: "OPTIONS" })).status).toBe(299);
  });

  it("a run that goes on: its stream is joined, and its answer given to whoever comes after it", async () => {
    const leaving = r2();
    await other("r3");
    const run = runOf(await leaving.send(pay));
    run.head(200, [["Content-Type", "text/event-stream"]], []);
    say(run, "data: 1\n\n");
    leave(leaving);
    const reading = joined(await leaving.send(pay));
    expect(await reading.next()).toBe("data: 1\n\n");
    await finish(run, { body: "" });
    expect(await reading.next()).toBe("end");
    expect(seen(await leaving.send(pay)).text).toBe("data: 1\n\n");
  });

  it("a run elsewhere is said to go on, and nothing is sent after it", async () => {
    const leaving = r2();
    await other("r3");
    runOf(await r2().send(pay));
    leave(leaving);
    const verdict = await leaving.send(pay);
    expect([seen(verdict).status, codeOf(verdict)]).toEqual([409, "in-flight"]);
  });
});

describe("what an instance that leaves sends on", () => {
  it("has not been read: whoever gets it gets its body", async () => {
    const leaving = r2();
    await other("r3");
    leave(leaving);
    let reads = 0;
    const facts = { ...factsOf(pay), body: () => Promise.reject(new Error(`read ${++reads} times`)) };
    expect(await leaving.once.mount().attempt(facts)).toMatchObject({ action: "forward", target: { revision: "r3" } });
    expect([reads, store.count("acquire")]).toEqual([0, 0]);
  });

  it("goes no further where it was sent here by another instance", async () => {
    const leaving = r2();
    await other("r3");
    leave(leaving);
    expect((await leaving.send()).action).toBe("forward");
    expect(seen(await leaving.send({ headers: { via: "1.1 onceover-search" } })).status).toBe(299);
    // A pin holds, wherever it came from.
    const pin = await leaving.once.pins.sign("pin", "r2", 60_000);
    const headers = { via: "1.1 onceover-search", "revision-pin": pin };
    expect((await leaving.send({ headers })).action).toBe("pass");
  });

  it("goes the way that the service goes", async () => {
    await other("r3", { publicAddress: "https://r3.search.example" });
    const redirecting = r2({ route: "redirect", addresses: ["https://*.search.example"] });
    leave(redirecting);
    expect(seen(await redirecting.send({ target: "/a?b" }))).toMatchObject({
      status: 307,
      headers: { Location: "https://r3.search.example/a?b", Revision: "r2" },
    });
    const misdirecting = r2({ forwarder: undefined });
    leave(misdirecting);
    expect(problem(await misdirecting.send())).toMatchObject({ code: "misdirected", revision: "r3" });
  });

  it("is refused where nobody who is serving can be reached", async () => {
    const leaving = r2();
    await other("r3", { address: undefined });
    leave(leaving);
    expect(seen(await leaving.send()).status).toBe(299);
    expect(leaving.events.map(({ type }) => type)).not.toContain("routed");
  });

  it("goes to somebody who has what it asks for", async () => {
    const leaving = r2();
    await other("r3", {}, 13);
    leave(leaving);
    expect(seen(await leaving.send({ headers: { "schema-rev": "12" } })).status).toBe(299);
    await other("r4");
    platform.pause(500);
    const asked: Asked = { headers: { "schema-rev": "12" } };
    expect(await leaving.send(asked)).toMatchObject({ target: { revision: "r4" } });
  });
});
