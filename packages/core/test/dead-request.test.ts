/** Some platforms end a request without a word, and with it every promise, timer and call that it had begun. */

import { describe, expect, it } from "vitest";
import { memoryStore } from "../src/memory-store.js";
import { createOnceoverOn } from "../src/onceover.js";
import type { MountOptions } from "../src/options.js";
import type { Store } from "../src/store.js";
import { fakePlatform } from "./fake-platform.js";
import { scriptedStore } from "./scripted-store.js";
import { factsOf, isPending, joined, problem, runOf, type Sent, say, seen, type TestRequest } from "./support.js";

const NEVER = new Promise<never>(() => {});

/** A process in which `kill` ends all that was begun before. */
function mortalHouse(more: Partial<Store> = {}) {
  const platform = fakePlatform();
  const store = scriptedStore(memoryStore({ nowMs: platform.epochMs }));
  let generation = 0;
  const mortal = {
    ...platform,
    timer(ms: number, then: () => void) {
      const born = generation;
      return platform.timer(ms, () => born === generation && then());
    },
  };
  const once = createOnceoverOn<TestRequest>(mortal, {
    ...{ service: "payments", revision: "r42", scope: (request: TestRequest) => request.caller },
    store: { ...store, ...more },
  });
  const options: MountOptions<TestRequest> = { leaseMs: 8_000 };
  const mount = once.mount(options);
  return {
    platform,
    store,
    send: async (sent?: Sent) => mount.attempt(factsOf(sent)),
    kill: () => {
      generation += 1;
    },
  };
}

describe("a request that the platform ends without a word", () => {
  it("while it claims its key holds up nobody for more than a few seconds", async () => {
    const house = mortalHouse();
    house.store.next("acquire", { replyAfter: NEVER });
    void house.send();
    await house.platform.advance(0);
    house.kill();
    const follower = house.send();
    await house.platform.advance(5_499);
    expect(house.store.count("acquire")).toBe(1);
    await house.platform.advance(1);
    expect(house.store.count("acquire")).toBe(2);
    // The claim was made: what it came to, nobody knows before its lease has ended.
    await house.platform.advance(5_000);
    expect(problem(await follower)).toMatchObject({ status: 409 });
    await house.platform.advance(8_000);
    expect(problem(await house.send())).toMatchObject({ code: "outcome-unknown" });
  });

  it("in its run leaves the key to the store: its retries are told that the outcome is unknown", async () => {
    const house = mortalHouse();
    runOf(await house.send());
    house.kill();
    const early = house.send();
    await house.platform.advance(10_000);
    expect(problem(await early)).toMatchObject({ status: 409, code: "in-flight" });
    const later = house.send();
    await house.platform.advance(3_500);
    expect(problem(await later)).toMatchObject({ status: 409, code: "outcome-unknown" });
  });

  it("in the middle of a stream cuts off those who have joined", async () => {
    const house = mortalHouse();
    const run = runOf(await house.send());
    run.head(200, [], []);
    say(run, "one");
    house.kill();
    const reading = joined(await house.send());
    expect(await reading.next()).toBe("one");
    const next = reading.next().catch((error: Error) => error.message);
    await house.platform.advance(13_000);
    expect(await next).toBe("the answer was cut off");
  });

  it("and follows another one is missed by nobody", async () => {
    const house = mortalHouse();
    const run = runOf(await house.send());
    void house.send();
    const alive = house.send();
    run.head(201, [], []);
    await run.end();
    expect(seen(await alive).status).toBe(201);
  });

  it("while it examines the store leaves that to the next one", async () => {
    let examined = 0;
    const { verify } = memoryStore();
    const house = mortalHouse({
      verify() {
        examined += 1;
        return examined === 1 ? NEVER : verify();
      },
    });
    void house.send();
    house.kill();
    await house.platform.advance(0);
    const second = house.send({ key: "k-2" });
    await house.platform.advance(4_999);
    expect(await isPending(second)).toBe(true);
    await house.platform.advance(1);
    expect((await second).action).toBe("run");
    expect((await house.send({ key: "k-3" })).action).toBe("run");
  });
});

describe("a run that renews its lease", () => {
  it("is never taken for dead, however long it takes, though the store is away", async () => {
    const house = mortalHouse();
    const run = runOf(await house.send());
    house.store.always("renew", "lose-request");
    for (let minutes = 0; minutes < 3; minutes += 1) {
      const waiting = house.send();
      await house.platform.advance(10_000);
      expect(problem(await waiting)).toMatchObject({ code: "in-flight" });
    }
    run.head(201, [], []);
    await run.end();
    expect(seen(await house.send()).status).toBe(201);
  });
});
