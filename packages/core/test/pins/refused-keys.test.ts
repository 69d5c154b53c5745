import { beforeEach, describe, expect, it } from "vitest";
import { OnceoverError } from "../../src/error.js";
import { memoryStore } from "../../src/memory-store.js";
import type { MountOptions } from "../../src/options.js";
import type { Verdict } from "../../src/verdict.js";
import { type FakePlatform, fakePlatform } from "../fake-platform.js";
import { announce } from "../revisions/neighbour.js";
import { type ScriptedRegistry, scriptedRegistry } from "../revisions/scripted-registry.js";
import { type ScriptedStore, scriptedStore } from "../scripted-store.js";
import { finish, gate, problem, runOf, seen, type TestRequest } from "../support.js";
import { type Asked, type PinnedService, pinnedService, sideBySide } from "./service.js";

let platform: FakePlatform;
let registry: ScriptedRegistry;
let store: ScriptedStore;

beforeEach(() => {
  platform = fakePlatform();
  registry = scriptedRegistry(platform.monotonicMs);
  store = scriptedStore(memoryStore({ nowMs: platform.epochMs }));
});

/** An instance over the common store and registry. */
const at = (revision: string, schemaRev: number): PinnedService =>
  pinnedService({
    revision,
    platform,
    store,
    pins: { writes: { schemaRev } },
    revisions: sideBySide(registry, { instance: revision, address: `http://${revision}.search.internal:8080` }),
  });

const pay = (schemaRev: string, more: Asked = {}): Asked => ({
  method: "POST",
  target: "/pay",
  key: "k-1",
  headers: { "schema-rev": schemaRev },
  ...more,
});

const codeOf = (verdict: Verdict) => problem(verdict).code;
/** All that a store is told that changes something. */
const writes = () => store.count("acquire") + store.count("complete") + store.count("abandon") + store.count("renew");

describe("a keyed request that is refused for its pins", () => {
  it("burns no key: it runs once, as soon as the matching revision is there, and is replayed from then on", async () => {
    const [r2, r3] = [at("r2", 12), at("r3", 13)];
    expect(codeOf(await r2.send(pay("13")))).toBe("backend-behind");
    expect(codeOf(await r2.send(pay("13")))).toBe("backend-behind");
    expect(writes()).toBe(0);

    await r3.once.pins.announce();
    await platform.advance(1000);
    expect(await r2.send(pay("13"))).toMatchObject({ action: "forward", target: { revision: "r3" } });
    expect(writes()).toBe(0);
    const run = runOf(await r3.send(pay("13")));
    expect([run.once.attempt, run.once.key]).toEqual([1, "k-1"]);
    await finish(run);

    const replayed = seen(await r3.send(pay("13")));
    expect([replayed.status, replayed.headers["Idempotency-Replayed"]]).toEqual([201, "true"]);
    expect(store.count("acquire")).toBe(2);
  });

  it("is replayed, not refused, once it has run, whichever revision the retry meets and whatever it is pinned to", async () => {
    const [r2, r3] = [at("r2", 12), at("r3", 13)];
    await finish(runOf(await r2.send(pay("12"))));
    // By what it is pinned to it would be forwarded nowhere, refused as behind, and refused as ahead.
    for (const schemaRev of ["10", "12", "14"]) {
      const { status, headers } = seen(await r3.send(pay(schemaRev)));
      expect([status, headers["Idempotency-Replayed"], headers.Revision, headers["Schema-Rev"]]).toEqual([
        201,
        "true",
        "r3",
        "13",
      ]);
    }
    expect(r3.events.filter(({ type }) => type === "refused")).toEqual([]);
    expect(store.count("acquire")).toBe(1);
  });

  it("is replayed where it is pinned to a revision that is gone", async () => {
    const r2 = at("r2", 12);
    const { stop } = await announce(registry, { revision: "r1", pins: { writes: { schemaRev: 11 } } });
    await stop();
    await finish(runOf(await r2.send(pay("12"))));
    const pin = await r2.once.pins.sign("pin", "r1", 60_000);
    const headers = { "revision-pin": pin };
    expect(seen(await r2.send(pay("12", { headers }))).status).toBe(201);
    expect(codeOf(await r2.send(pay("12", { headers, key: "k-2" })))).toBe("revision-gone");
  });

  it("is refused for another payload under its key, before anything is said of its pins", async () => {
    const [r2, r3] = [at("r2", 12), at("r3", 13)];
    await finish(runOf(await r2.send(pay("12"))));
    expect(codeOf(await r3.send(pay("12", { body: '{"amount":2}' })))).toBe("key-reused");
  });

  it("is told 409 where its key is running, in this process or in another one, and nothing runs", async () => {
    const [r2, r3] = [at("r2", 12), at("r3", 13)];
    const mount: MountOptions<TestRequest> = { inFlight: "reject" };
    const run = runOf(await r2.send(pay("12")));
    const before = writes();
    for (const verdict of [await r2.send(pay("13"), mount), await r3.send(pay("12"))]) {
      expect([seen(verdict).status, codeOf(verdict)]).toEqual([409, "in-flight"]);
      expect(Number(seen(verdict).headers["Retry-After"])).toBeGreaterThan(0);
    }
    expect(writes()).toBe(before);
    await finish(run);
    expect(seen(await r3.send(pay("12"))).status).toBe(201);
  });

  it("waits with the others for a run in this very process, and is given its answer", async () => {
    const r2 = at("r2", 12);
    const run = runOf(await r2.send(pay("12")));
    const refused = r2.send(pay("13"));
    await finish(run);
    expect(seen(await refused).status).toBe(201);
  });

  it("is told 409 where it is not known what became of its key, and recover() is not asked", async () => {
    const [r2, r3] = [at("r2", 12), at("r3", 13)];
    let asked = 0;
    const recover: MountOptions<TestRequest>["recover"] = () => {
      asked += 1;
      return { outcome: "rerun" };
    };
    store.always("renew", "lose-request");
    runOf(await r2.send(pay("12")));
    await platform.advance(60_000);
    const verdict = await r3.send(pay("12"), { recover });
    expect([seen(verdict).status, codeOf(verdict), problem(verdict).executed]).toEqual([
      409,
      "outcome-unknown",
      "unknown",
    ]);
    expect([asked, store.count("acquire")]).toEqual([0, 1]);
  });

  it("is told 503 while the store is down: it is not known whether it ran", async () => {
    const r3 = at("r3", 13);
    await r3.once.ready();
    store.down();
    const verdict = await r3.send(pay("12"));
    expect([seen(verdict).status, codeOf(verdict), seen(verdict).headers["Retry-After"]]).toEqual([
      503,
      "store-unavailable",
      "1",
    ]);
    store.heal();
    expect(codeOf(await r3.send(pay("12")))).toBe("client-behind");
  });

  it("is told 503 even where the route runs without a store: what does not match is never run", async () => {
    const r3 = at("r3", 13);
    await r3.once.ready();
    store.down();
    expect(codeOf(await r3.send(pay("12"), { onStoreDown: "run" }))).toBe("store-unavailable");
  });

  it.each(["pins-invalid", "pins-missing"])("is refused at once where that is for what it is: %s", async (code) => {
    const r2 = at("r2", 12);
    await finish(runOf(await r2.send(pay("12"))));
    const reads = store.count("read");
    const headers: Asked["headers"] = code === "pins-invalid" ? { "schema-rev": "junk" } : {};
    expect(codeOf(await r2.send(pay("", { headers }), { pins: { required: true } }))).toBe(code);
    expect(store.count("read")).toBe(reads);
  });

  it("that asks for no effect is refused without asking the store", async () => {
    const r2 = at("r2", 12);
    expect(codeOf(await r2.send({ headers: { "schema-rev": "13" } }))).toBe("backend-behind");
    expect(store.count("read")).toBe(0);
  });

  it("asks the store once, and tells of its refusal once", async () => {
    const r2 = at("r2", 12);
    await r2.send(pay("13"));
    expect(store.count("read")).toBe(1);
    expect(r2.events.filter(({ type }) => type === "refused")).toEqual([{ type: "refused", code: "backend-behind" }]);
  });
});

describe("two requests with one key at once, of which one does not match", () => {
  it.each([
    ["the one that matches first", ["12", "13"]],
    ["the other one first", ["13", "12"]],
  ])("run once: %s", async (_, order) => {
    const r2 = at("r2", 12);
    const verdicts = order.map((schemaRev) => r2.send(pay(schemaRev)));
    const first = await Promise.race(verdicts);
    const run = runOf(first.action === "run" ? first : await (verdicts[order.indexOf("12")] ?? never()));
    await finish(run);
    const others = (await Promise.all(verdicts)).filter(({ action }) => action !== "run");
    expect(others).toHaveLength(1);
    for (const other of others) expect([201, 409, 412]).toContain(seen(other).status);
    expect(store.count("acquire")).toBe(1);
    expect(store.count("complete")).toBe(1);
  });

  it("run once where the refused one is looked up while the other one claims", async () => {
    const [r2, r3] = [at("r2", 12), at("r3", 13)];
    await Promise.all([r2.once.ready(), r3.once.ready()]);
    const { opened, open } = gate();
    store.next("read", { replyAfter: opened });
    const refused = r3.send(pay("12"));
    const run = runOf(await r2.send(pay("12")));
    open();
    // What was read stands: at that moment nothing had run.
    expect(codeOf(await refused)).toBe("client-behind");
    await finish(run);
    expect(seen(await r3.send(pay("12"))).status).toBe(201);
    expect(store.count("acquire")).toBe(1);
  });

  it("run once, of a hundred in any order, over two revisions", async () => {
    const [r2, r3] = [at("r2", 12), at("r3", 13)];
    const verdicts = Array.from({ length: 100 }, (_, at) =>
      (at % 3 === 0 ? r3 : r2).send(pay(at % 2 === 0 ? "12" : "13")),
    );
    let runs = 0;
    for (const sent of verdicts) {
      void sent.then(async (verdict) => {
        if (verdict.action !== "run") return;
        runs += 1;
        await finish(verdict.run);
      });
    }
    await platform.advance(20_000);
    const statuses = (await Promise.all(verdicts))
      .filter(({ action }) => action === "answer")
      .map((each) => seen(each).status);
    expect(runs).toBe(1);
    for (const status of statuses) expect([201, 409, 412]).toContain(status);
    expect(statuses).toHaveLength(99);
  });
});

describe("a route that requires a key", () => {
  it("asks for it in a request that is refused for its pins, too: neither has run", async () => {
    const r2 = at("r2", 12);
    const verdict = await r2.send({ method: "POST", headers: { "schema-rev": "13" } }, { required: true });
    expect([codeOf(verdict), problem(verdict).executed]).toEqual(["key-missing", false]);
  });
});

describe("a scope that throws", () => {
  it("rejects where the pins are refused, as where they are not", async () => {
    const r2 = at("r2", 12);
    const scope = () => {
      throw new OnceoverError("misuse", "who is it");
    };
    await expect(r2.send(pay("13"), { scope })).rejects.toThrow("who is it");
  });
});

function never(): never {
  throw new Error("one of the two asks for 12");
}
