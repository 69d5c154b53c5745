import { describe, expect, it } from "vitest";
import { OnceoverError } from "../src/error.js";
import type { Store, StoreKey } from "../src/store.js";
import { finish, gate, type House, isPending, openHouse, runOf, seen } from "./support.js";

const PAID = { status: 201, text: '{"ok":true}' };

/** A process over the same store, which also tells of changes when the test says so. */
function watching(house: House, begin: () => Promise<unknown> = async () => {}) {
  const watchers = new Map<StoreKey, () => void>();
  const store: Store = {
    ...house.store,
    async watch(key, changed) {
      await begin();
      watchers.set(key, changed);
      return () => void watchers.delete(key);
    },
  };
  const tell = () => {
    for (const changed of watchers.values()) changed();
  };
  return { process: house.another({ store }), watchers, tell };
}

describe("a duplicate of a run in another process, over a store that tells of changes", () => {
  it("has the answer as soon as it is told, and ends the watch", async () => {
    const house = await openHouse();
    const { process, watchers, tell } = watching(house);
    const run = runOf(await house.send());
    const waiting = process.send();
    expect(await isPending(waiting)).toBe(true);
    expect(watchers.size).toBe(1);
    await finish(run);
    tell();
    expect(seen(await waiting)).toMatchObject(PAID);
    expect(house.platform.monotonicMs()).toBe(0);
    expect(watchers.size).toBe(0);
  });

  it("looks once when the watch is in force, so that nothing that happened before is missed", async () => {
    const house = await openHouse();
    const begun = gate();
    const { process } = watching(house, () => begun.opened);
    const run = runOf(await house.send());
    const waiting = process.send();
    expect(await isPending(waiting)).toBe(true);
    await finish(run);
    begun.open();
    expect(seen(await waiting)).toMatchObject(PAID);
    expect(house.platform.monotonicMs()).toBe(0);
  });

  it("looks by itself no more often than every 100 ms, should the word be lost", async () => {
    const house = await openHouse();
    const { process } = watching(house);
    const run = runOf(await house.send());
    house.store.reset();
    const waiting = process.send();
    await house.platform.advance(1000);
    expect(house.store.count("read")).toBeLessThanOrEqual(11);
    await finish(run);
    await house.platform.advance(250);
    expect(seen(await waiting)).toMatchObject(PAID);
  });

  it("that is told for nothing goes on waiting", async () => {
    const house = await openHouse();
    const { process, tell } = watching(house);
    const run = runOf(await house.send());
    const waiting = process.send();
    for (let count = 0; count < 3; count += 1) {
      expect(await isPending(waiting)).toBe(true);
      tell();
    }
    expect(await isPending(waiting)).toBe(true);
    await finish(run);
    tell();
    expect(seen(await waiting)).toMatchObject(PAID);
  });

  it("looks at growing intervals where the watch fails, and says so to the listeners", async () => {
    const house = await openHouse();
    const { process } = watching(house, () => Promise.reject(new OnceoverError("store-unavailable", "no channel")));
    const run = runOf(await house.send());
    const waiting = process.send();
    expect(await isPending(waiting)).toBe(true);
    expect(process.eventsOf("store-failed")).toMatchObject([{ verb: "watch" }]);
    await finish(run);
    await house.platform.advance(100);
    expect(seen(await waiting)).toMatchObject(PAID);
  });
});
