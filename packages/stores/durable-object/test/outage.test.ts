import { inspect } from "node:util";
import type { Fingerprint, OwnerToken, Store, StoreKey } from "@onceover/core";
import { type DurableObjectServer, startDurableObjects } from "@onceover/test/durable-object-server";
import { connectObjects } from "@onceover/test/durable-objects";
import { asking, newKey, newToken, outcomeOf, overrunMs } from "@onceover/test/store-calls";
import { startTcpProxy, type TcpProxy } from "@onceover/test/tcp-proxy";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { durableObjectStore } from "../src/durable-object-store.js";
import type { RecordNamespace } from "../src/namespace.js";
import { verbsOf } from "./verbs-of.js";

const IMPATIENT_MS = 300;
const DAY_MS = 86_400_000;

let server: DurableObjectServer;
let proxy: TcpProxy;
beforeAll(async () => {
  server = await startDurableObjects();
  proxy = await startTcpProxy(server.server.port);
});
afterEach(() => proxy.heal());
afterAll(async () => {
  await proxy.close();
  await server.close();
});

function open(timeoutMs: number, shards = 16): Store {
  return durableObjectStore({ ...connectObjects(`http://127.0.0.1:${proxy.port}`), shards, timeoutMs });
}

/** A store that has joined its objects while all was well. */
async function joined(timeoutMs = IMPATIENT_MS): Promise<Store> {
  const store = open(timeoutMs);
  await expect.poll(() => store.verify().then(({ findings }) => findings, String), { timeout: 20_000 }).toEqual([]);
  return store;
}

describe("objects that do not answer", () => {
  it.each<[string, () => void | Promise<void>]>([
    ["because nothing passes", () => proxy.hang()],
    ["because replies are lost", () => proxy.swallowReplies()],
    ["because connections are cut", () => proxy.cut()],
    ["because they are killed", () => server.server.kill()],
  ])("%s: no verb is later than its deadline, and after it all is well", async (_, fail) => {
    const store = await joined();
    await fail();
    const settling = [...verbsOf(store), () => store.verify()].map(async (call) => {
      const settled = overrunMs(IMPATIENT_MS, () => call().catch((error: unknown) => void errors.push(error)));
      expect(await settled).toBeLessThan(150);
    });
    const errors: unknown[] = [];
    await Promise.all(settling);
    expect(errors.map((error) => (error as { readonly code?: string }).code)).toEqual(
      errors.map(() => "store-unavailable"),
    );
    proxy.heal();
    if (errors.length === settling.length) await server.restart();
    await expect.poll(() => outcomeOf(store.acquire(asking())), { timeout: 20_000 }).toBe("acquired");
  });

  it("but have done what they were asked: asked again with the same token the owner is told acquired, and ok", async () => {
    const store = await joined();
    const request = asking();
    proxy.swallowReplies();
    expect(await outcomeOf(store.acquire(request))).toBe("store-unavailable");
    const patient = durableObjectStore({ namespace: server.namespace, timeoutMs: 10_000 });
    expect(await patient.acquire(request)).toMatchObject({ outcome: "acquired", attempt: 1 });
    const completing = store.complete(request.key, request.token, new Uint8Array(3), DAY_MS);
    await expect(completing).rejects.toMatchObject({ code: "store-unavailable" });
    expect(await patient.complete(request.key, request.token, new Uint8Array(9), DAY_MS)).toBe("ok");
    expect(await patient.read(request.key)).toMatchObject({ record: new Uint8Array(3) });
  });
});

describe("an acquire that reaches its object after its deadline", () => {
  it("claims nothing", async () => {
    const store = await joined();
    const requests = Array.from({ length: 20 }, () => asking());
    server.server.pause();
    const outcomes = await Promise.all(requests.map((request) => outcomeOf(store.acquire(request))));
    // By the objects' clock, too, which was learned to within a round trip.
    await new Promise((resolve) => setTimeout(resolve, IMPATIENT_MS));
    server.server.resume();
    expect(new Set(outcomes)).toEqual(new Set(["store-unavailable"]));
    const patient = await joined(10_000);
    for (const { key } of requests) expect(await patient.read(key)).toEqual({ outcome: "none" });
  });

  it.each([
    ["ahead", 86_400_000],
    ["behind", -86_400_000],
  ])("is told from one in time when the objects' clock jumps a day %s", async (_, byMs) => {
    const store = await joined(10_000);
    await server.moveClock(byMs);
    const request = asking();
    expect(await store.acquire(request)).toMatchObject({ outcome: "acquired", attempt: 1 });
    expect(await store.acquire(asking({ key: request.key }))).toMatchObject({ outcome: "running" });
    await server.moveClock(-byMs);
  });
});

/** Stubs that fail so many times in the platform's words, before or after the object has done what was asked. */
function failing(
  times: number,
  when: "before" | "after",
  flags: object,
): { namespace: RecordNamespace; tries(): number } {
  const { namespace } = server;
  let tries = 0;
  const fail = () => Object.assign(new Error("Durable Object reset because its code was updated."), flags);
  return {
    tries: () => tries,
    namespace: {
      idFromName: namespace.idFromName,
      get(id) {
        const stub = namespace.get(id);
        return {
          ...stub,
          async acquire(...args) {
            tries += 1;
            const isToFail = tries <= times;
            if (isToFail && when === "before") throw fail();
            const reply = await stub.acquire(...args);
            if (isToFail) throw fail();
            return reply;
          },
        };
      },
    },
  };
}

describe("an error of the platform", () => {
  it.each(["before", "after"] as const)(
    "that says retryable, %s the object did it: it is asked again",
    async (when) => {
      const { namespace, tries } = failing(3, when, { retryable: true, durableObjectReset: true });
      const request = asking();
      const store = durableObjectStore({ namespace, timeoutMs: 10_000 });
      expect(await store.acquire(request)).toMatchObject({ outcome: "acquired", attempt: 1 });
      expect(tries()).toBe(4);
      expect(await store.acquire(asking({ key: request.key }))).toMatchObject({ outcome: "running" });
    },
  );

  it("that says retryable for ever: it is asked until the deadline", async () => {
    const { namespace, tries } = failing(Number.POSITIVE_INFINITY, "before", { retryable: true });
    const store = durableObjectStore({ namespace, timeoutMs: 1000 });
    await expect.poll(() => store.verify().then(({ findings }) => findings, String), { timeout: 20_000 }).toEqual([]);
    expect(await outcomeOf(store.acquire(asking()))).toBe("store-unavailable");
    expect(tries()).toBeGreaterThan(1);
  });

  it.each([{ retryable: true, overloaded: true }, { overloaded: true }, {}])(
    "that says %j is not made worse by asking again",
    async (flags) => {
      const { namespace, tries } = failing(1, "before", flags);
      const store = durableObjectStore({ namespace, timeoutMs: 10_000 });
      await expect(store.acquire(asking())).rejects.toMatchObject({ code: "store-unavailable" });
      expect(tries()).toBe(1);
    },
  );

  it("is shown without a byte of key, token, fingerprint or record, whatever its words are", async () => {
    const key = "Canary_Key".padEnd(43, "-canary") as StoreKey;
    const token = "canary-token-4711-canary-token-4711" as OwnerToken;
    const get = () => {
      throw new Error(`no such object: ${key} of ${token}`);
    };
    const store = durableObjectStore({ namespace: { idFromName: (name) => name, get } });
    const fingerprint = "f1:canary-fingerprint" as Fingerprint;
    for (const call of [() => store.acquire(asking({ key, token, fingerprint })), ...verbsOf(store, key, token)]) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(inspect(error, { depth: null, showHidden: true }).toLowerCase()).not.toContain("canary");
    }
  });

  it("says what went wrong: a binding of another class, or an object that is overloaded", async () => {
    const get = () => ({}) as ReturnType<RecordNamespace["get"]>;
    const store = durableObjectStore({ namespace: { idFromName: (name) => name, get } });
    await expect(store.verify()).rejects.toThrow("the Durable Object failed: object.join is not a function");
    const { namespace } = failing(1, "before", { overloaded: true });
    const busy = durableObjectStore({ namespace, timeoutMs: 10_000 });
    await expect(busy.acquire(asking())).rejects.toThrow(/code was updated\. \(overloaded\)$/);
  });
});

describe("an answer of an object that is of another version", () => {
  it.each([
    { found: { outcome: "parked" }, nowMs: 1 },
    { found: undefined, nowMs: 1 },
  ])("such as %j is store-unavailable: nothing runs on it", async (reply) => {
    const { namespace } = server;
    const get = (id: unknown) => ({ ...namespace.get(id), acquire: async () => reply as never });
    const store = durableObjectStore({ namespace: { idFromName: namespace.idFromName, get }, timeoutMs: 10_000 });
    await expect(store.acquire(asking())).rejects.toMatchObject({ code: "store-unavailable" });
  });
});

it("a rejected call leaves no unhandled rejection when its answer or error comes later", async () => {
  const unhandled: unknown[] = [];
  const hear = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", hear);
  const store = await joined(50);
  proxy.hang();
  await Promise.allSettled(verbsOf(store, newKey(), newToken()).map((call) => call()));
  proxy.cut();
  proxy.heal();
  await expect.poll(() => outcomeOf(store.acquire(asking())), { timeout: 20_000 }).toBe("acquired");
  process.off("unhandledRejection", hear);
  expect(unhandled).toEqual([]);
});
