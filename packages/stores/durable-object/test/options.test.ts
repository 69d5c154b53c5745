import { describe, expect, it } from "vitest";
import { durableObjectStore } from "../src/durable-object-store.js";
import type { RecordNamespace } from "../src/namespace.js";

/** Is never called. */
const namespace: RecordNamespace = {
  idFromName: (name) => name,
  get: () => {
    throw new Error("called");
  },
};

describe("durableObjectStore()", () => {
  it.each([
    [{ namespace: undefined }, "namespace must be the binding of a Durable Object class, such as env.RECORDS"],
    [{ namespace: { get: () => {} } }, "namespace must be the binding of a Durable Object class, such as env.RECORDS"],
    [{ shards: 0 }, "shards must be an integer from 1 to 4096, got 0"],
    [{ shards: 1.5 }, "shards must be an integer from 1 to 4096, got 1.5"],
    [{ shards: 4097 }, "shards must be an integer from 1 to 4096, got 4097"],
    [{ timeoutMs: 0 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 0"],
    [{ timeoutMs: 2 ** 31 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 2147483648"],
  ])("refuses %j and says why", (over, message) => {
    expect(() => durableObjectStore({ namespace, ...over } as never)).toThrow(new TypeError(message));
  });

  it("takes undefined for not given, and calls no object before it is asked to", () => {
    expect(durableObjectStore({ namespace, shards: undefined, timeoutMs: undefined } as never).name).toBe(
      "durable-object",
    );
  });

  it.each(["16", "1:", "x", "3:a b", "-1"])("refuses the cursor %j, which it never gave", async (cursor) => {
    const store = durableObjectStore({ namespace });
    await expect(store.unknowns(cursor)).rejects.toThrow(TypeError);
    await expect(store.forgetScope("s".repeat(16) as never, cursor)).rejects.toThrow(TypeError);
  });
});
